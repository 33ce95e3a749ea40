"""Server-sent events, and what happens when the reader hangs up."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bots.closing import closing

T = TypeVar("T")

HEADERS = {
    "cache-control": "no-store",
    "content-type": "text/event-stream; charset=utf-8",
    "x-accel-buffering": "no",  # nginx would hold the events back
}

# Many a client's lines end at these too (Python's, httpx's), and would be cut inside the JSON.
_NO_BREAKS = {ord(one): json.dumps(one)[1:-1] for one in "\x85\u2028\u2029"}


def event(data: object, name: str = "") -> str:
    """One event. JSON has no line break of its own, so one `data:` line carries it."""
    head = f"event: {name}\n" if name else ""
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(_NO_BREAKS)
    return f"{head}data: {written}\n\n"


_COMMENT = ": \n\n"  # keeps proxies from closing a quiet connection
QUIET_SECONDS = 15.0  # proxies close a connection that is quiet for a minute


class EventStream(Response):
    """Sends `events` as they come, and a comment after each `quiet_seconds` without one; closes
    them, and then calls `on_hangup`, if the client left."""

    def __init__(
        self,
        events: AsyncIterator[str],
        on_hangup: Callable[[], Awaitable[object]] | None = None,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._events = events
        self._on_hangup = on_hangup
        self._quiet_seconds = quiet_seconds
        self._sent_at = 0.0  # on the monotonic clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        if await unless_gone(receive, self._send_all(send)) is None and self._on_hangup is not None:
            await self._on_hangup()

    async def _send_all(self, send: Send) -> bool:
        self._sent_at = time.monotonic()
        commenting = asyncio.create_task(self._comment(send))
        try:
            async with closing(self._events) as events:
                async for text in events:
                    await self._send(send, text)
        finally:
            commenting.cancel()
            await asyncio.gather(commenting, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return True

    async def _comment(self, send: Send) -> None:
        """For ever. Each event looks at the clock alone: a timer for each would cost more."""
        while True:
            left = self._sent_at + self._quiet_seconds - time.monotonic()
            if left <= 0:
                await self._send(send, _COMMENT)
            else:
                await asyncio.sleep(left)

    async def _send(self, send: Send, text: str) -> None:
        self._sent_at = time.monotonic()
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T | None:
    """Do `work`, or cancel it and return None as soon as the client hangs up."""
    working, watching = asyncio.create_task(work), asyncio.create_task(_until_gone(receive))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
