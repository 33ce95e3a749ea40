"""The second step of signing in: a code, after the right password."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from assistant.storage.admins import Admin
from assistant.storage.audit import Actor
from bots.admin.door import address_of
from bots.admin.faults import SIGN_IN, page_router
from bots.admin.form import Form, form_of
from bots.admin.second_factor.codes import Codes
from bots.admin.signin import CODE, STEP_COOKIE, SignIn


class Code(BaseModel):
    code: str = Field("", max_length=100)


@dataclass(frozen=True, slots=True)
class SignInStep:
    signin: SignIn
    codes: Codes

    def router(self) -> APIRouter:
        router = page_router()
        router.add_api_route("/login/code", self.form, methods=["GET"])
        router.add_api_route("/login/code", self.enter, methods=["POST"])
        return router

    async def form(self, request: Request) -> Response:
        if await self._who(request) is None:
            return _from_the_start()
        return self._page(request)

    async def enter(self, request: Request, form: Annotated[Form[Code], form_of(Code)]) -> Response:
        who = await self._who(request)
        if who is None:
            return _from_the_start()
        admin, target = who
        throttle, key = self.signin.throttle, f"code:{admin.id}"
        wait = throttle.wait_seconds(key)
        if wait > 0:
            return self._page(request, 429, "signin.too_many", seconds=math.ceil(wait))
        throttle.failed(key)
        actor = Actor("admin", admin.id, admin.name, address_of(request))
        given = form.value.code if form.value else ""
        if not await self.codes.right(admin.id, given, actor):
            await self.signin.refused(admin.name, actor.address)
            return self._page(request, 403, "signin.code_wrong")
        throttle.succeeded(key)
        # Of two that come at once with the same cookie, one goes on.
        if await self.signin.half_way.take(request.cookies.get(STEP_COOKIE, "")) is None:
            return _from_the_start()
        response = await self.signin.begin(request, admin, target)
        response.delete_cookie(STEP_COOKIE, path=CODE, httponly=True, samesite="strict")
        return response

    async def _who(self, request: Request) -> tuple[Admin, str] | None:
        """Who gave the right password in this browser, and where they go."""
        token = request.cookies.get(STEP_COOKIE, "")
        found = await self.signin.half_way.read(token) if token else None
        admin = await self.signin.admins.get(int(found["admin"])) if found else None
        if found is None or admin is None or admin.disabled_at is not None or not admin.totp:
            return None
        return admin, found["target"]

    def _page(
        self, request: Request, status: int = 200, key: str = "", **values: object
    ) -> Response:
        words = self.signin.shell.words(request)
        context = {"error": words(key, **values) if key else ""}
        return self.signin.shell.page(request, "signin_code.html", context, status)


def _from_the_start() -> Response:
    return RedirectResponse(SIGN_IN, 303, headers={"cache-control": "no-store"})
