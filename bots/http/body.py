"""Request bodies: read whole, up to a limit, before anything looks at them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from starlette.types import Message, Receive, Scope

from bots.http.failures import Refused

SILENCE_SECONDS = 30.0
LEAST_BYTES_A_SECOND = 64 * 1024  # beyond the first seconds: who trickles holds a place for nothing
MOST_BYTES = 64 << 20
RETRY_AFTER_SECONDS = "5"


@dataclass(slots=True)
class BodyRoom:
    """Bytes of bodies that are being read, of all requests together: who sends them is not known
    yet, and many that never end must not fill the memory."""

    most_bytes: int = MOST_BYTES
    held: int = field(default=0, init=False)

    def take(self, count: int) -> None:
        """Raises Refused (503) where there is no room."""
        if self.held + count > self.most_bytes:
            raise Refused(
                503,
                "Too much is being sent to this server at once: try again in a moment.",
                code="busy",
                headers={"retry-after": RETRY_AFTER_SECONDS},
            )
        self.held += count


async def read_body(scope: Scope, receive: Receive, limit_bytes: int, room: BodyRoom) -> Receive:
    """Read the body and return a `receive` that gives it once, then what the server gives.

    Raises Refused: 413 over the limit, 408 when it does not come, 400 when the client left, 503
    when others fill the room.
    """
    too_large = Refused(413, f"The request is larger than {limit_bytes // 1024:,} KiB.")
    if _declared_bytes(scope) > limit_bytes:
        raise too_large
    body = bytearray()
    try:
        clock = asyncio.get_running_loop().time
        began = clock()
        async with asyncio.timeout(None) as patience:
            while True:
                patience.reschedule(deadline(began, clock(), len(body)))
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "The client left before the request was complete.")
                piece = message.get("body", b"")
                if len(body) + len(piece) > limit_bytes:
                    raise too_large
                room.take(len(piece))
                body += piece
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise Refused(408, "The request's body did not come in time.") from None
    finally:
        room.held -= len(body)
    return _replay(bytes(body), receive)


def deadline(began: float, now: float, got_bytes: int) -> float:
    """Until when more must have come: no silence is long, and what lasts comes steadily."""
    return SILENCE_SECONDS + min(now, began + got_bytes / LEAST_BYTES_A_SECOND)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _declared_bytes(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0
