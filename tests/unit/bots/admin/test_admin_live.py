"""Live fragments: sent when they changed, and no longer than the sign-in holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, cast

from assistant.errors import StorageUnavailable
from bots.admin import live
from bots.admin.door import SignedIn
from bots.http.stream import COMMENT

WHO = SignedIn(cast(Any, None), "token", "127.0.0.1")


def stream(found: list[object], still_in: object = "an admin") -> AsyncIterator[str]:
    async def render() -> Mapping[str, str]:
        one = found.pop(0)
        if isinstance(one, Exception):
            raise one
        return cast(Mapping[str, str], one)

    async def look(token: str) -> object | None:
        assert token == "token"
        return still_in

    return live._fragments(render, WHO, look, 0.001)


async def read(events: AsyncIterator[str], count: int) -> list[str]:
    found: list[str] = []
    async with aclosing(cast(Any, events)) as open_events:
        async for one in open_events:
            found.append(one)
            if len(found) == count:
                break
    return found


async def test_a_fragment_is_sent_when_it_changed_and_again_after_an_outage() -> None:
    first, second = {"a": "<p>1\n2</p>", "b": "x"}, {"a": "<p>3</p>", "b": "x"}
    found = await read(stream([first, first, StorageUnavailable("away"), second]), 4)
    both = "event: a\ndata: <p>1\ndata: 2</p>\n\nevent: b\ndata: x\n\n"
    assert found == [both, COMMENT, COMMENT, "event: a\ndata: <p>3</p>\n\n"]


async def test_the_stream_of_a_sign_in_that_was_ended_ends(monkeypatch: Any) -> None:
    monkeypatch.setattr(live, "CHECK_SECONDS", -1.0)
    found = [one async for one in stream([], still_in=None)]
    assert found == ["event: signed-out\ndata: &nbsp;\n\n"]
