"""A sign-in as a cookie: when it ends, and a signature that only this server can make."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from pydantic import SecretStr

COOKIE = "outrider_session"
LIFETIME_SECONDS = 30 * 24 * 3600


class Sessions:
    """Signed with the password mixed in: a changed password ends every sign-in."""

    def __init__(self, secret: bytes, password: SecretStr, clock: Callable[[], float]) -> None:
        self._key = hmac.digest(secret, password.get_secret_value().encode(), "sha256")
        self._clock = clock

    def issue(self) -> str:
        expires = str(int(self._clock()) + LIFETIME_SECONDS)
        return f"{expires}.{self._sign(expires)}"

    def valid(self, token: str) -> bool:
        expires, _, signature = token.partition(".")
        if not (expires.isascii() and expires.isdigit() and len(expires) < 16):
            return False
        genuine = hmac.compare_digest(signature.encode(), self._sign(expires).encode())
        return genuine and int(expires) > self._clock()

    def _sign(self, expires: str) -> str:
        return hmac.new(self._key, expires.encode(), hashlib.sha256).hexdigest()
