"""Who waits is told how many are before them: where the answer will be, and only while it costs
nobody a call.

Told again when it has halved (or is nearly over), when it has grown, and when the turn begins.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from assistant.answering.places import Places
from assistant.errors import StorageUnavailable
from assistant.outgoing.outbox import Outbox
from assistant.phrases import Phrase, say

NEAR = 3  # from here on each one counts


@dataclass(slots=True)
class Waiting:
    """`clock` in seconds."""

    outbox: Outbox
    places: Places
    clock: Callable[[], float] = time.monotonic
    _told: int = field(default=0, init=False)
    _status_at: float | None = field(default=None, init=False)

    async def in_status(self, again_seconds: float) -> None:
        """In the status, which is also shown again after so many seconds: the platform takes it
        away otherwise."""
        now = self.clock()
        if self._status_at is None:
            self._status_at = now
        news = await self._news()
        if news is None and now - self._status_at < again_seconds:
            return
        self._status_at = now
        self._told = self._told if news is None else news
        await self.outbox.status(before=self._told)

    async def in_draft(self) -> bool:
        """In the draft. False where there are none any more."""
        news = await self._news()
        if news is None:
            return True
        self._told = news
        return await self.outbox.draft(self._words(news))

    async def in_message(self, message_id: str) -> str | None:
        """What the placeholder is to say now; None for what it says already, or where there is no
        room for a call at once."""
        news = await self._news()
        if news is None or await self.outbox.ask("now", message_id) > 0:
            return None
        self._told = news
        return self._words(news)

    async def _news(self) -> int | None:
        """How many are before it, if that is worth telling."""
        told = self._told
        try:
            before = await self.places.before(self.outbox.one.turn_id) or 0
        except StorageUnavailable:
            return None  # what was told stands, for all that is known
        less = before < told and (before <= NEAR or before <= told / 2)
        return before if less or before > told else None

    def _words(self, before: int) -> str:
        language = self.outbox.one.language
        return say(Phrase("status.before", {"count": before}), language) if before else ""
