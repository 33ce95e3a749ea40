"""Signing in to the dashboard and out of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from assistant.storage.admins import Admin, Admins
from assistant.storage.audit import Actor, AuditLog
from bots.admin.door import COOKIE, SignedIn, address_of, keep, needs, over_tls
from bots.admin.faults import SIGN_IN, page_router
from bots.admin.form import Form, form_of
from bots.admin.known_browsers import KnownBrowsers
from bots.admin.passwords import MOST_CHARACTERS, PasswordDesk, TooBusy, hash_password, outdated
from bots.admin.pending import Pending
from bots.admin.shell import Shell
from bots.http.signin import local_target
from bots.http.throttle import Throttle, network_of

HOME = "/admin"
AGENT_CHARACTERS = 200
CODE = "/admin/login/code"  # where the second factor is asked for
STEP_COOKIE = "outrider_admin_step"
_PRIVATE = {"cache-control": "no-store"}
# What the provider's sign-in ended with, and the status it is said with.
PROBLEMS: Mapping[str, int] = {
    "declined": 403,
    "expired": 400,
    "refused": 403,
    "no_group": 403,
    "disabled": 403,
    "away": 503,
}


class Credentials(BaseModel):
    name: str = Field("", max_length=200)
    password: str = Field("", max_length=MOST_CHARACTERS)
    next: str = Field(HOME, max_length=2000)


def signin_pages(signin: SignIn) -> APIRouter:
    router = page_router()
    router.add_api_route("/login", signin.form, methods=["GET"])
    router.add_api_route("/login", signin.enter, methods=["POST"])
    router.add_api_route("/logout", signin.leave, methods=["POST"])
    return router


@dataclass(frozen=True, slots=True)
class SignIn:
    """`half_way`: who gave the right password, and owes a code. `provider`: its host, where one
    signs in by another as well."""

    shell: Shell
    admins: Admins
    audit: AuditLog
    throttle: Throttle
    desk: PasswordDesk
    half_way: Pending
    known: KnownBrowsers
    provider: str = ""

    async def form(self, request: Request) -> Response:
        target = target_of(request.query_params.get("next", HOME))
        problem = request.query_params.get("problem", "")
        if problem in PROBLEMS:
            return self._page(request, target, PROBLEMS[problem], f"signin.oidc.{problem}")
        if request.state.signed_in is not None:
            return RedirectResponse(target, 303, headers=_PRIVATE)
        return self._page(request, target)

    async def enter(
        self, request: Request, form: Annotated[Form[Credentials], form_of(Credentials)]
    ) -> Response:
        given = form.value or Credentials()
        target = target_of(given.next)
        keys = self.known.keys(request, given.name, network_of(address_of(request)))
        wait = max(self.throttle.wait_seconds(key) for key in keys)
        if wait > 0:
            return self._page(
                request, target, 429, "signin.too_many", given.name, seconds=math.ceil(wait)
            )
        for key in keys:
            self.throttle.failed(key)
        try:
            admin = await self._verified(given)
        except TooBusy:
            return self._page(request, target, 503, "signin.busy", given.name)
        if admin is None:
            await self.refused(given.name, address_of(request))
            return self._page(request, target, 403, "signin.wrong", given.name)
        for key in keys:
            self.throttle.succeeded(key)
        if admin.totp:
            return await self._ask_for_code(request, admin, target)
        return await self.begin(request, admin, target)

    async def begin(
        self, request: Request, admin: Admin, target: str, *, secure: bool = False
    ) -> Response:
        """A new session, whatever cookie came: nobody signs in under one that another chose. One
        that this browser had is over."""
        before: SignedIn | None = request.state.signed_in
        if before is not None:
            await self.admins.end_session_of(before.token, before.actor)
        actor = Actor("admin", admin.id, admin.name, address_of(request))
        agent = request.headers.get("user-agent", "")[:AGENT_CHARACTERS]
        token = await self.admins.begin_session(admin.id, actor, agent.replace("\x00", ""))
        response = RedirectResponse(target, 303, headers=_PRIVATE)
        secure = secure or over_tls(request)
        keep(response, token, secure=secure)
        if admin.password:
            self.known.remember(response, admin.name, secure=secure)
        return response

    async def leave(
        self, request: Request, signed_in: Annotated[SignedIn, needs("viewer")]
    ) -> Response:
        await self.admins.end_session_of(signed_in.token, signed_in.actor)
        response = RedirectResponse(SIGN_IN, 303, headers=_PRIVATE)
        response.delete_cookie(COOKIE, path="/admin", httponly=True, samesite="lax")
        return response

    async def refused(self, name: str, address: str) -> None:
        """The name that was tried is not kept: people type their password there."""
        actor = Actor("admin", 0, "", address)
        admin = await self.admins.find(name)
        target = f"admin:{admin[0].id}" if admin else "admin:unknown"
        await self.audit.note(actor, "admin.sign_in_refused", target)

    async def _ask_for_code(self, request: Request, admin: Admin, target: str) -> Response:
        token = await self.half_way.begin({"admin": str(admin.id), "target": target})
        response = RedirectResponse(CODE, 303, headers=_PRIVATE)
        response.set_cookie(
            STEP_COOKIE,
            token,
            max_age=self.half_way.seconds,
            path=CODE,
            httponly=True,
            samesite="strict",
            secure=over_tls(request),
        )
        return response

    async def _verified(self, given: Credentials) -> Admin | None:
        found = await self.admins.find(given.name)
        admin, known = found or (None, "")
        if not await self.desk.verify(known, given.password) or admin is None:
            return None
        if admin.disabled_at is not None:
            return None
        if outdated(known):
            await self.admins.rehash(admin.id, await hash_password(given.password))
        return admin

    def _page(
        self,
        request: Request,
        target: str,
        status: int = 200,
        key: str = "",
        name: str = "",
        **values: object,
    ) -> Response:
        words = self.shell.words(request)
        error = words(key, **values) if key else ""
        context = {
            "error": error,
            "name": name,
            "target": target,
            "provider": self.provider,
            "by_provider": f"/admin/login/oidc?{urlencode({'next': target})}",
        }
        response = self.shell.page(request, "signin.html", context, status)
        if status == 429 and "seconds" in values:
            response.headers["retry-after"] = str(values["seconds"])
        return response


def target_of(given: str) -> str:
    """A page of the dashboard, never another site's."""
    target = local_target(given)
    return target if target == HOME or target.startswith((HOME + "/", HOME + "?")) else HOME
