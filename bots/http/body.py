"""Request bodies: read whole, up to a limit, before anything looks at them."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive, Scope

from bots.http.failures import Refused

READ_TIMEOUT_SECONDS = 30.0


async def read_body(scope: Scope, receive: Receive, limit_bytes: int) -> Receive:
    """Read the body and return a `receive` that gives it once, then what the server gives.

    Raises Refused: 413 over the limit, 408 when it does not come, 400 when the client left.
    """
    too_large = Refused(413, f"The request is larger than {limit_bytes // 1024:,} KiB.")
    if _declared_bytes(scope) > limit_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(READ_TIMEOUT_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "The client left before the request was complete.")
                body += message.get("body", b"")
                if len(body) > limit_bytes:
                    raise too_large
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise Refused(408, "The request's body did not come in time.") from None
    return _replay(bytes(body), receive)


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
