"""A turn's reply as the events that its page listens to.

change {first, keep, added}   see LiveMarkdown; the first one after a (re)connection starts
                              from nothing, so a page that was cut off needs no memory
before {turns}                so many are answered first; 0 once that is over
end    {state, error}         the reply is over, nothing follows
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict

from assistant.errors import StorageUnavailable
from assistant.messages import ReplyDelta
from bots.closing import closing
from bots.http.stream import event
from bots.reply_text import ReplyText
from bots.web.live_markdown import Change, LiveMarkdown
from bots.web.markdown import MarkdownPage
from bots.web.pace import batches

PAUSE_SECONDS = 0.08
QUIET_SECONDS = 3.0
RECONNECT = "retry: 1000\n\n"


# How many turns begin before this one; None where it doesn't wait for others.
Before = Callable[[], Awaitable[int | None]]


async def reply_events(
    deltas: AsyncIterator[ReplyDelta], markdown: MarkdownPage, before: Before
) -> AsyncIterator[str]:
    """Ends without an `end` where the reply can't be followed now: the page connects again."""
    with suppress(StorageUnavailable):
        async with closing(_rendered(deltas, markdown, before)) as events:
            async for one in events:
                yield one


async def _rendered(
    deltas: AsyncIterator[ReplyDelta], markdown: MarkdownPage, before: Before
) -> AsyncIterator[str]:
    live, reply, told = LiveMarkdown(markdown), ReplyText(), 0
    yield RECONNECT + event(asdict(Change(0, 0, [])), "change")
    async with closing(batches(deltas, PAUSE_SECONDS, QUIET_SECONDS)) as paced:
        async for batch in paced:
            for delta in batch:
                reply.apply(delta)
            last = reply.last
            change = live.show(reply.text) if last is None else live.finish(reply.text)
            if change is not None:
                yield event(asdict(change), "change")
            elif not batch:
                turns = 0 if reply.text else await before() or 0
                if turns != told:
                    yield event({"turns": turns}, "before")
                told = turns
            if last is not None:
                yield event({"state": last.state, "error": last.error}, "end")
                return
