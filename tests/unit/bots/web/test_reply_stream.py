import asyncio

import pytest

from assistant.errors import StorageUnavailable
from assistant.messages import ReplyDelta
from bots.web import reply_stream
from bots.web.markdown import MarkdownPage
from bots.web.reply_stream import reply_events


async def alone() -> int | None:
    return None


async def test_a_reply_that_can_not_be_followed_now_ends_without_an_end():
    async def deltas():
        yield ReplyDelta(1, 1, 0, "Half")
        raise StorageUnavailable("gone")

    events = [event async for event in reply_events(deltas(), MarkdownPage(), alone)]
    assert "Half" in events[-1]
    assert not any("event: end" in event for event in events)


async def test_the_end_comes_last_with_its_sentence():
    async def deltas():
        yield ReplyDelta(1, 1, 0, "Half", "failed", "It stopped.")

    events = [event async for event in reply_events(deltas(), MarkdownPage(), alone)]
    assert events[-1] == 'event: end\ndata: {"state":"failed","error":"It stopped."}\n\n'
    assert "Half" in events[-2]


async def test_who_waits_hears_how_many_are_before_and_when_that_is_over(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(reply_stream, "QUIET_SECONDS", 0.01)
    heard, places = asyncio.Event(), [3, 3, 1]

    async def deltas():
        await heard.wait()
        yield ReplyDelta(1, 1, 0, "There", "done")

    async def before() -> int | None:
        if not places:
            heard.set()
        return places.pop(0) if places else None

    events = [event async for event in reply_events(deltas(), MarkdownPage(), before)]
    told = [event.splitlines()[1] for event in events if event.startswith("event: before")]
    assert told[:3] == ['data: {"turns":3}', 'data: {"turns":1}', 'data: {"turns":0}']
