"""Live pages: fragments of HTML as server-sent events, which htmx puts in their places.

A fragment is sent when it has changed. A sign-in that was ended ends its streams as well, and so
does another role: what is live may be more than the new one sees.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from assistant.errors import StorageUnavailable
from assistant.storage.admins import Admin
from bots.admin.door import SignedIn
from bots.http.stream import EventStream

SECONDS = 2.0
CHECK_SECONDS = 15.0

Render = Callable[[], Awaitable[Mapping[str, str]]]
StillIn = Callable[[str], Awaitable[object | None]]  # `Admins.of_session`


def fragment(name: str, html: str) -> str:
    """One event; each line of the HTML is a line of data, as the format wants it."""
    lines = html.replace("\r", "").split("\n")
    return f"event: {name}\n" + "".join(f"data: {line}\n" for line in lines) + "\n"


def live(
    render: Render, signed_in: SignedIn, still_in: StillIn, seconds: float = SECONDS
) -> EventStream:
    """A stream of what `render` gives, each `seconds`: fragments by name, as `sse-swap` asks.

    The page is put around by `parts.live`, which says when the connection or the sign-in is lost.
    """
    return EventStream(_fragments(render, signed_in, still_in, seconds))


async def _fragments(
    render: Render, signed_in: SignedIn, still_in: StillIn, seconds: float
) -> AsyncIterator[str]:
    sent: dict[str, str] = {}
    checked = time.monotonic()
    while True:
        try:
            if time.monotonic() - checked > CHECK_SECONDS:
                checked = time.monotonic()
                if _is_over(await still_in(signed_in.token), signed_in):
                    yield fragment("signed-out", "&nbsp;") + fragment("over", "")
                    return
            found = await render()
        except StorageUnavailable:
            found = {}
        changed = {name: html for name, html in found.items() if sent.get(name) != html}
        sent.update(changed)
        if changed:
            yield "".join(fragment(name, html) for name, html in changed.items())
        await asyncio.sleep(seconds)


def _is_over(found: object | None, signed_in: SignedIn) -> bool:
    return found is None or (isinstance(found, Admin) and found.role != signed_in.admin.role)
