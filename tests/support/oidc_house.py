"""The dashboard with a provider beside it, and a browser's way through both."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
from pydantic import SecretStr

from bots.admin.app import AdminParts
from bots.admin.oidc.provider import Provider
from bots.admin.oidc.settings import OidcSettings
from tests.fakes.oidc.server import CLIENT_ID, CLIENT_SECRET, OidcProvider
from tests.support.admin_house import AdminHouse, admin_house
from tests.support.house import House


@dataclass(slots=True)
class OidcHouse:
    admin: AdminHouse
    provider: OidcProvider
    browser: httpx.AsyncClient  # follows no redirect by itself
    later: list[float]  # seconds that our clock is ahead by

    async def begin(self, target: str = "/admin/me") -> httpx.Response:
        """As far as the address that leads back from the provider."""
        begun = await self.browser.get("/admin/login/oidc", params={"next": target})
        assert begun.status_code == 303, begun.text
        return await self.browser.get(begun.headers["location"])

    async def sign_in(self, target: str = "/admin/me") -> httpx.Response:
        """What comes in the end: the page wanted, or the sign-in page with a sentence."""
        back = await self.begin(target)
        return await self.browser.get(back.headers["location"], follow_redirects=True)


@asynccontextmanager
async def oidc_house(lived: House, **changed: Any) -> AsyncIterator[OidcHouse]:
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(OidcProvider().running())
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=5))
        settings = OidcSettings(
            **{
                "issuer": provider.url,
                "client_id": CLIENT_ID,
                "client_secret": SecretStr(CLIENT_SECRET),
                "admin_groups": "Outrider Admins",
                "operator_groups": "Ops, On Call",
                "viewer_groups": "Everybody",
                **changed,
            }
        )

        later: list[float] = []

        def with_provider(given: AdminParts) -> AdminParts:
            asked = Provider(settings, http, lambda: time.time() + sum(later))
            return replace(given, signin=replace(given.signin, provider=asked))

        admin = await stack.enter_async_context(admin_house(lived, with_provider))
        browser = await stack.enter_async_context(
            httpx.AsyncClient(base_url=admin.address, timeout=20)
        )
        yield OidcHouse(admin, provider, browser, later)
