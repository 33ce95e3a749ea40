"""To whom a web conversation belongs: whoever holds its cookie, which can't be guessed."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from assistant.messages import ChatRef

COOKIE = "outrider_chat"
_LIFETIME_SECONDS = 365 * 24 * 3600
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 bytes in base64url


@dataclass(frozen=True, slots=True)
class ChatCookie:
    value: str
    fresh: bool

    @classmethod
    def of(cls, request: Request) -> ChatCookie:
        """The request's cookie, or a new one where there is none (or none of ours)."""
        value = request.cookies.get(COOKIE, "")
        if _FORM.fullmatch(value):
            return cls(value, fresh=False)
        return cls(secrets.token_urlsafe(32), fresh=True)

    @property
    def chat(self) -> ChatRef:
        # The hash is stored and logged; the cookie itself opens the conversation and is neither.
        return ChatRef("web", "default", hashlib.sha256(self.value.encode()).hexdigest())

    def keep(self, request: Request, response: Response) -> None:
        """Give the cookie to the browser, or put off the day on which it ends."""
        response.set_cookie(
            COOKIE,
            self.value,
            max_age=_LIFETIME_SECONDS,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
