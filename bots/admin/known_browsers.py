"""Browsers that an admin signed in with before: they don't wait for what strangers tried.

Else anybody could keep an admin out, by a wrong password for their name now and then. Such a
browser is slowed down by its own failures.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request
from pydantic import SecretStr
from starlette.responses import Response

from bots.admin.pending import hashed
from bots.seal import Seal, SealBroken

COOKIE = "outrider_admin_known"
LIFE_SECONDS = 180 * 24 * 3600
PATH = "/admin/login"


@dataclass(frozen=True, slots=True)
class KnownBrowsers:
    seal: Seal

    def keys(self, request: Request, name: str, network: str) -> Sequence[str]:
        """What failures for this name, from this network, count under: where the browser isn't
        known under both, so that neither one guesser nor many of them get on quickly."""
        strangers = (network, f"name:{name.casefold()}")
        cookie = request.cookies.get(COOKIE, "")
        if not cookie or not name:
            return strangers
        try:
            self.seal.open(_owner(name), cookie)
        except SealBroken:
            return strangers
        return (f"known:{hashed(cookie)}",)

    def remember(self, response: Response, name: str, *, secure: bool) -> None:
        value = self.seal.close(_owner(name), SecretStr(secrets.token_urlsafe(16)))
        response.set_cookie(
            COOKIE,
            value,
            max_age=LIFE_SECONDS,
            path=PATH,
            httponly=True,
            samesite="lax",
            secure=secure,
        )


def _owner(name: str) -> str:
    """Hashed, so that no name can look like another's and a secret behind it."""
    return f"known:{hashed(name.casefold())}"
