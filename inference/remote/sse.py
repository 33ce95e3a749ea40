"""Server-sent events from lines: the wire format of streamed chat completions."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

_BREAK = re.compile(r"\r\n|\n|\r")
MOST_CHARACTERS = 16_000_000  # of one line: more is no event


async def lines(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """The lines of a text that comes in pieces, parted as this format parts them and no other.

    httpx's own lines end at U+2028 and the like too, which may stand inside a JSON text. Raises
    ValueError for a line without an end.
    """
    held = ""
    async for piece in pieces:
        held += piece
        whole = held.removesuffix("\r")  # which may be half of a break
        *ended, rest = _BREAK.split(whole)
        held = rest + held[len(whole) :]
        if len(held) > MOST_CHARACTERS:
            raise ValueError("a line without an end")
        for line in ended:
            yield line
    for line in _BREAK.split(held):
        yield line


async def event_data(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """The data of each event; an event's several data lines are joined by newlines."""
    data: list[str] = []
    async for line in lines:
        if not line:
            if data:
                yield "\n".join(data)
            data = []
        elif line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
    if data:
        yield "\n".join(data)
