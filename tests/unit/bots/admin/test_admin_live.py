"""Live fragments: sent when they changed, and no longer than the sign-in holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from assistant.errors import StorageUnavailable
from assistant.storage.admins import Admin
from bots.admin import live
from bots.admin.door import SignedIn

ANA = Admin(1, "ana", "operator", None, datetime.now(UTC), None, None, False, True, "")
SIGNED_OUT = "event: signed-out\ndata: &nbsp;\n\nevent: over\ndata: \n\n"
WHO = SignedIn(ANA, "token", "127.0.0.1")


def stream(found: list[object], still_in: object = ANA) -> AsyncIterator[str]:
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
    found = await read(stream([first, first, StorageUnavailable("away"), second]), 2)
    both = "event: a\ndata: <p>1\ndata: 2</p>\n\nevent: b\ndata: x\n\n"
    assert found == [both, "event: a\ndata: <p>3</p>\n\n"]


async def test_the_stream_of_a_sign_in_that_was_ended_ends(monkeypatch: Any) -> None:
    monkeypatch.setattr(live, "CHECK_SECONDS", -1.0)
    found = [one async for one in stream([], still_in=None)]
    assert found == [SIGNED_OUT]


async def test_the_stream_of_another_role_ends_and_that_of_the_same_goes_on(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(live, "CHECK_SECONDS", -1.0)
    demoted = stream([], still_in=replace(ANA, role="viewer"))
    assert [one async for one in demoted] == [SIGNED_OUT]
    renamed = stream([{"a": "x"}], still_in=replace(ANA, name="anna"))
    assert await read(renamed, 1) == ["event: a\ndata: x\n\n"]
