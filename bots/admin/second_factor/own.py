"""One's own second factor: set up, new recovery codes, and off again; each after the password."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, SecretStr
from starlette.responses import RedirectResponse, Response

from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, form_of
from bots.admin.own_password import OwnPassword
from bots.admin.passwords import MOST_CHARACTERS
from bots.admin.second_factor.codes import Codes, new_secret, picture, spelt
from bots.admin.shell import Shell
from bots.seal import Seal, SealBroken

ADDRESS = "/admin/me/second-factor"

Me = Annotated[SignedIn, needs("viewer")]


class Password(BaseModel):
    password: str = Field(max_length=MOST_CHARACTERS)


class FirstCode(BaseModel):
    """`sealed`: the secret that was shown, which is stored once a device shows that it has it."""

    sealed: str = Field(max_length=1000)
    code: str = Field(max_length=20)


Asked = Annotated[Form[Password], form_of(Password)]


@dataclass(frozen=True, slots=True)
class OwnSecondFactor:
    shell: Shell
    codes: Codes
    seal: Seal
    password: OwnPassword

    def router(self) -> APIRouter:
        router, here = page_router(), ADDRESS.removeprefix("/admin")
        router.add_api_route(here, self.page, methods=["GET"])
        router.add_api_route(here + "/begin", self.begin, methods=["POST"])
        router.add_api_route(here + "/confirm", self.confirm, methods=["POST"])
        router.add_api_route(here + "/codes", self.renew, methods=["POST"])
        router.add_api_route(here + "/remove", self.remove, methods=["POST"])
        return router

    async def page(self, request: Request, me: Me) -> Response:
        return await self._page(request, me)

    async def begin(self, request: Request, me: Me, form: Asked) -> Response:
        """The secret, shown to be scanned; nothing is stored yet."""
        if me.admin.totp:
            raise Fault(409, "second_factor.on_already")
        if faults := await self._faults(request, me, form, "begin"):
            return await self._page(request, me, faults)
        return self._scan(request, me, new_secret())

    async def confirm(
        self, request: Request, me: Me, form: Annotated[Form[FirstCode], form_of(FirstCode)]
    ) -> Response:
        if form.value is None:
            raise Fault(400, "second_factor.begin_again")
        try:
            secret = self.seal.open(_shown_to(me), form.value.sealed)
        except SealBroken as error:
            raise Fault(400, "second_factor.begin_again") from error
        step = self.codes.step_of(secret, form.value.code.replace(" ", ""))
        if step is None:
            return self._scan(request, me, secret, "second_factor.not_right")
        sealed = self.codes.sealed(me.admin.id, secret)
        codes = await self.codes.factors.set_up(me.admin.id, sealed, step, me.actor)
        if codes is None:
            raise Fault(409, "second_factor.on_already")
        return self._shown(request, codes)

    async def renew(self, request: Request, me: Me, form: Asked) -> Response:
        if not me.admin.totp:
            raise Fault(409, "second_factor.off_already")
        if faults := await self._faults(request, me, form, "codes"):
            return await self._page(request, me, faults)
        return self._shown(request, await self.codes.factors.new_codes(me.admin.id, me.actor))

    async def remove(self, request: Request, me: Me, form: Asked) -> Response:
        if not me.admin.totp:
            raise Fault(409, "second_factor.off_already")
        if faults := await self._faults(request, me, form, "remove"):
            return await self._page(request, me, faults)
        await self.codes.factors.remove(me.admin.id, me.actor)
        return RedirectResponse(ADDRESS, 303)

    async def _faults(
        self, request: Request, me: SignedIn, form: Form[Password], which: str
    ) -> dict[str, str]:
        """By which of the page's forms it was: each asks for the password."""
        words = self.shell.words(request)
        if form.value is None:
            return {which: form.said(words).get("password", words("shell.field_missing"))}
        fault = await self.password.fault(me, form.value.password)
        return {which: words(fault)} if fault else {}

    async def _page(
        self, request: Request, me: SignedIn, faults: dict[str, str] | None = None
    ) -> Response:
        left = await self.codes.factors.codes_left(me.admin.id)
        context: dict[str, Any] = {"step": "page", "faults": faults or {}, "left": left}
        return self.shell.page(request, "second_factor.html", context, 400 if faults else 200)

    def _scan(self, request: Request, me: SignedIn, secret: SecretStr, fault: str = "") -> Response:
        words = self.shell.words(request)
        context = {
            "step": "scan",
            "picture": picture(secret, me.admin.name),
            "spelt": spelt(secret),
            "sealed": self.seal.close(_shown_to(me), secret),
            "fault": words(fault) if fault else "",
        }
        return self.shell.page(request, "second_factor.html", context, 400 if fault else 200)

    def _shown(self, request: Request, codes: Sequence[str]) -> Response:
        context = {"step": "codes", "codes": codes}
        return self.shell.page(request, "second_factor.html", context)


def _shown_to(me: SignedIn) -> str:
    """Good for this sign-in alone, and never as what is stored."""
    return f"shown:{me.csrf}"
