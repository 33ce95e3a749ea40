"""One's own account: language, password, and where one is signed in."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from assistant.storage.admins import Admins, hashed
from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, form_of
from bots.admin.own_password import OwnPassword
from bots.admin.passwords import LEAST_CHARACTERS, MOST_CHARACTERS, hash_password
from bots.admin.shell import Shell
from bots.admin.words import LANGUAGES

ADDRESS = "/admin/me"

Me = Annotated[SignedIn, needs("viewer")]


class NewPassword(BaseModel):
    current: str = Field(max_length=MOST_CHARACTERS)
    password: str = Field(min_length=LEAST_CHARACTERS, max_length=MOST_CHARACTERS)
    again: str = Field(max_length=MOST_CHARACTERS)


class Language(BaseModel):
    language: str = ""


class Session(BaseModel):
    session: str = Field(pattern=r"^[0-9a-f]{64}$")


def own_pages(shell: Shell, admins: Admins, password: OwnPassword) -> APIRouter:
    router = page_router()
    pages = OwnPages(shell, admins, password)
    router.add_api_route("/me", pages.page, methods=["GET"])
    router.add_api_route("/me/language", pages.choose_language, methods=["POST"])
    router.add_api_route("/me/password", pages.change_password, methods=["POST"])
    router.add_api_route("/me/sessions/end", pages.end_session, methods=["POST"])
    return router


class OwnPages:
    def __init__(self, shell: Shell, admins: Admins, password: OwnPassword) -> None:
        self._shell = shell
        self._admins = admins
        self._password = password

    async def page(self, request: Request, me: Me) -> Response:
        return await self._page(request, me)

    async def choose_language(
        self, request: Request, me: Me, form: Annotated[Form[Language], form_of(Language)]
    ) -> Response:
        language = form.value.language if form.value else ""
        if language and language not in LANGUAGES:
            raise Fault(400, "shell.field_choice")
        await self._admins.choose_language(me.admin.id, language or None)
        return RedirectResponse(ADDRESS, 303)

    async def change_password(
        self, request: Request, me: Me, form: Annotated[Form[NewPassword], form_of(NewPassword)]
    ) -> Response:
        faults = form.said(self._shell.words(request))
        if form.value is not None:
            faults = await self._wrong(request, me, form.value)
        if faults or form.value is None:
            return await self._page(request, me, faults)
        new = await hash_password(form.value.password)
        await self._admins.set_password(me.admin.id, new, me.actor, keep=me.token)
        return RedirectResponse(f"{ADDRESS}?changed=1", 303)

    async def end_session(
        self, request: Request, me: Me, form: Annotated[Form[Session], form_of(Session)]
    ) -> Response:
        session = bytes.fromhex(form.value.session) if form.value else b""
        if not await self._admins.end_session(me.admin.id, session, me.actor):
            raise Fault(404, "me.no_session")
        return RedirectResponse(ADDRESS, 303)

    async def _wrong(self, request: Request, me: SignedIn, given: NewPassword) -> dict[str, str]:
        words = self._shell.words(request)
        if given.password != given.again:
            return {"again": words("me.not_the_same")}
        fault = await self._password.fault(me, given.current)
        return {"current": words(fault)} if fault else {}

    async def _page(
        self, request: Request, me: SignedIn, faults: dict[str, str] | None = None
    ) -> Response:
        own = hashed(me.token)
        sessions = [
            (one, one.hash.hex(), hmac.compare_digest(one.hash, own))
            for one in await self._admins.sessions(me.admin.id)
        ]
        context = {
            "sessions": sessions,
            "faults": faults or {},
            "languages": LANGUAGES,
            "chosen": me.admin.language or "",
            "changed": "changed" in request.query_params,
            "least": LEAST_CHARACTERS,
        }
        return self._shell.page(request, "me.html", context, 400 if faults else 200)
