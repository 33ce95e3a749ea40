"""How many requests of the API one gateway is at, at once: more are turned away at the door.

Before anything is read of them: each that waits costs memory and a connection, also where the
queue behind has room. Pure ASGI, so that a stream counts until its end.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from bots.http.refusal import refusal

_API = "/v1/"
RETRY_AFTER_SECONDS = "5"


class Door:
    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_API):
            await self._app(scope, receive, send)
        elif self._inside >= self._most:
            await self._turn_away(scope, receive, send)
        else:
            self._inside += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._inside -= 1

    async def _turn_away(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = refusal(
            429,
            f"{self._most:,} requests are being answered here already: try again shortly.",
            code="too_many_requests",
            headers={"retry-after": RETRY_AFTER_SECONDS},
        )
        await response(scope, receive, send)
