from assistant.errors import StorageUnavailable
from assistant.messages import ReplyDelta
from bots.web.markdown import MarkdownPage
from bots.web.reply_stream import reply_events


async def test_a_reply_that_can_not_be_followed_now_ends_without_an_end():
    async def deltas():
        yield ReplyDelta(1, 1, 0, "Half")
        raise StorageUnavailable("gone")

    events = [event async for event in reply_events(deltas(), MarkdownPage())]
    assert "Half" in events[-1]
    assert not any("event: end" in event for event in events)


async def test_the_end_comes_last_with_its_sentence():
    async def deltas():
        yield ReplyDelta(1, 1, 0, "Half", "failed", "It stopped.")

    events = [event async for event in reply_events(deltas(), MarkdownPage())]
    assert events[-1] == 'event: end\ndata: {"state":"failed","error":"It stopped."}\n\n'
    assert "Half" in events[-2]
