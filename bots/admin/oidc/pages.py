"""Signing in by the provider: on to it, and back with a code.

Back comes a state, which this browser alone was given and which is good once; the code is worth
something only with the verifier that never left here, and its ID token only with the nonce. What
went wrong is said on the sign-in page, so that the code stays in no address bar.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from assistant.errors import ChangeRefused
from assistant.storage.admins import Admin
from assistant.storage.oidc_admins import OidcAdmins
from bots.admin.door import address_of, over_tls
from bots.admin.faults import SIGN_IN, page_router
from bots.admin.oidc.identity import role_of
from bots.admin.oidc.provider import Provider, ProviderAway, TokenRefused
from bots.admin.oidc.settings import CALLBACK
from bots.admin.pending import Pending, hashed
from bots.admin.signin import SignIn, target_of

COOKIE = "outrider_admin_oidc"
LIFE_SECONDS = 600
_PRIVATE = {"cache-control": "no-store"}

log = structlog.get_logger()


class Problem(Exception):
    """Ends it with a word of the sign-in page: `signin.oidc.<key>`."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True)
class OidcPages:
    provider: Provider
    pending: Pending
    known: OidcAdmins
    signin: SignIn

    def router(self) -> APIRouter:
        router = page_router()
        router.add_api_route("/login/oidc", self.begin, methods=["GET"])
        router.add_api_route("/login/oidc/callback", self.take, methods=["GET"])
        return router

    async def begin(self, request: Request) -> Response:
        """On to the provider, with what shows later that this browser began it."""
        browser, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
        redirect_url = self._redirect_url(request)
        values = {
            "browser": hashed(browser),
            "nonce": nonce,
            "verifier": verifier,
            "redirect_url": redirect_url,
            "target": target_of(request.query_params.get("next", "")),
        }
        state = await self.pending.begin(values)
        try:
            address = await self.provider.address(state, nonce, verifier, redirect_url)
        except ProviderAway as error:
            log.error("admin_oidc_failed", reason=str(error))
            return _told("away")
        response = RedirectResponse(address, 303, headers=_PRIVATE)
        response.set_cookie(
            COOKIE,
            browser,
            max_age=LIFE_SECONDS,
            path=CALLBACK,
            httponly=True,
            samesite="lax",
            secure=_secure(request, redirect_url),
        )
        return response

    async def take(self, request: Request) -> Response:
        """Back from the provider."""
        query = request.query_params
        try:
            began = await self._began(query.get("state", ""), request.cookies.get(COOKIE, ""))
            admin = await self._admin(query, began, address_of(request))
        except Problem as problem:
            return _without_cookie(_told(problem.key))
        secure = _secure(request, began["redirect_url"])
        response = await self.signin.begin(request, admin, began["target"], secure=secure)
        return _without_cookie(response)

    async def _began(self, state: str, browser: str) -> Mapping[str, str]:
        """The state first: without it, nothing that the address says is believed."""
        began = await self.pending.take(state) if state else None
        if began is None or not hmac.compare_digest(began["browser"], hashed(browser)):
            raise Problem("expired")
        return began

    async def _admin(
        self, query: Mapping[str, str], began: Mapping[str, str], address: str
    ) -> Admin:
        if query.get("error"):
            log.warning("admin_oidc_declined", error=query["error"][:100])
            raise Problem("declined" if query["error"] == "access_denied" else "refused")
        if query.get("iss", self.provider.issuer) != self.provider.issuer:  # RFC 9207
            log.warning("admin_oidc_refused", reason="the answer is another issuer's")
            raise Problem("refused")
        try:
            who = await self.provider.identity(
                query.get("code", ""), began["nonce"], began["verifier"], began["redirect_url"]
            )
        except TokenRefused as error:
            log.warning("admin_oidc_refused", reason=str(error))
            raise Problem("refused") from error
        except ProviderAway as error:
            log.error("admin_oidc_failed", reason=str(error))
            raise Problem("away") from error
        role = role_of(who.groups, self.provider.settings)
        if role is None:
            await self.known.turned_away(who.subject, "no_group", address)
            raise Problem("no_group")
        try:
            admin = await self.known.arrived(who.subject, who.name, role, address)
        except ChangeRefused as error:
            raise Problem("refused") from error
        if admin.disabled_at is not None:
            await self.known.turned_away(who.subject, "disabled", address)
            raise Problem("disabled")
        return admin

    def _redirect_url(self, request: Request) -> str:
        """The server's name is one that the guard let in."""
        own = f"{request.url.scheme}://{request.url.netloc}{CALLBACK}"
        return self.provider.settings.redirect_url or own


def _secure(request: Request, redirect_url: str) -> bool:
    return over_tls(request) or redirect_url.startswith("https://")


def _told(key: str) -> Response:
    return RedirectResponse(f"{SIGN_IN}?{urlencode({'problem': key})}", 303, headers=_PRIVATE)


def _without_cookie(response: Response) -> Response:
    response.delete_cookie(COOKIE, path=CALLBACK, httponly=True, samesite="lax")
    return response
