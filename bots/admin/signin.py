"""Signing in to the dashboard and out of it."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from assistant.storage.admins import Admin, Admins
from assistant.storage.audit import Actor, AuditLog
from bots.admin.door import COOKIE, SignedIn, address_of, keep, needs
from bots.admin.faults import SIGN_IN, page_router
from bots.admin.form import Form, form_of
from bots.admin.passwords import MOST_CHARACTERS, hash_password, outdated, verify_password
from bots.admin.shell import Shell
from bots.http.signin import local_target
from bots.http.throttle import Throttle

HOME = "/admin"
AGENT_CHARACTERS = 200


class Credentials(BaseModel):
    name: str = Field("", max_length=200)
    password: str = Field("", max_length=MOST_CHARACTERS)
    next: str = Field(HOME, max_length=2000)


def signin_pages(shell: Shell, admins: Admins, audit: AuditLog, throttle: Throttle) -> APIRouter:
    router = page_router()
    pages = SignIn(shell, admins, audit, throttle)
    router.add_api_route("/login", pages.form, methods=["GET"])
    router.add_api_route("/login", pages.enter, methods=["POST"])
    router.add_api_route("/logout", pages.leave, methods=["POST"])
    return router


class SignIn:
    def __init__(self, shell: Shell, admins: Admins, audit: AuditLog, throttle: Throttle) -> None:
        self._shell = shell
        self._admins = admins
        self._audit = audit
        self._throttle = throttle

    async def form(self, request: Request) -> Response:
        target = _target(request.query_params.get("next", HOME))
        if request.state.signed_in is not None:
            return RedirectResponse(target, 303)
        return self._page(request, target)

    async def enter(
        self, request: Request, form: Annotated[Form[Credentials], form_of(Credentials)]
    ) -> Response:
        given = form.value or Credentials()
        target, address = _target(given.next), address_of(request)
        # By address and by name: neither one guesser nor many of them get on quickly.
        keys = (address, f"name:{given.name.casefold()}")
        wait = max(self._throttle.wait_seconds(key) for key in keys)
        if wait > 0:
            return self._page(
                request, target, 429, "signin.too_many", seconds=math.ceil(wait), name=given.name
            )
        for key in keys:
            self._throttle.failed(key)
        admin = await self._verified(given)
        if admin is None:
            await self._refused(given.name, address)
            return self._page(request, target, 403, "signin.wrong", name=given.name)
        for key in keys:
            self._throttle.succeeded(key)
        return await self.begin(request, admin, target)

    async def begin(self, request: Request, admin: Admin, target: str) -> Response:
        """A new session, whatever cookie came: nobody signs in under one that another chose."""
        actor = Actor("admin", admin.id, admin.name, address_of(request))
        agent = request.headers.get("user-agent", "")[:AGENT_CHARACTERS]
        token = await self._admins.begin_session(admin.id, actor, agent.replace("\x00", ""))
        response = RedirectResponse(target, 303, headers={"cache-control": "no-store"})
        keep(request, response, token)
        return response

    async def leave(
        self, request: Request, signed_in: Annotated[SignedIn, needs("viewer")]
    ) -> Response:
        await self._admins.end_session_of(signed_in.token, signed_in.actor)
        response = RedirectResponse(SIGN_IN, 303, headers={"cache-control": "no-store"})
        response.delete_cookie(COOKIE, path="/admin")
        return response

    async def _verified(self, given: Credentials) -> Admin | None:
        found = await self._admins.find(given.name)
        admin, known = found or (None, "")
        if not await verify_password(known, given.password) or admin is None:
            return None
        if admin.disabled_at is not None:
            return None
        if outdated(known):
            await self._admins.rehash(admin.id, await hash_password(given.password))
        return admin

    async def _refused(self, name: str, address: str) -> None:
        """A name that was tried is kept short: people type their password there."""
        actor = Actor("admin", 0, "", address)
        admin = await self._admins.find(name)
        target = f"admin:{admin[0].id}" if admin else "admin:unknown"
        await self._audit.note(actor, "admin.sign_in_refused", target)

    def _page(
        self,
        request: Request,
        target: str,
        status: int = 200,
        key: str = "",
        name: str = "",
        **values: object,
    ) -> Response:
        words = self._shell.words(request)
        error = words(key, **values) if key else ""
        context = {"target": target, "error": error, "name": name}
        return self._shell.page(request, "signin.html", context, status)


def _target(given: str) -> str:
    """A page of the dashboard, never another site's."""
    target = local_target(given)
    return target if target == HOME or target.startswith((HOME + "/", HOME + "?")) else HOME
