"""The backlog: how much may wait, and whether there is room for one turn more.

What one person may have waiting is counted by the statement that stores the turn. What all may have
is counted here, ahead of it: as of the last count, which is the more recent the less room is left,
and what came to this process since. So a few more than the limit may wait: those that are just
being stored, and those of other gateways.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from assistant.settings import AssistantSettings
from assistant.storage.database import Database

COUNT = """
SELECT count(*) AS turns, coalesce(sum(tokens), 0) AS tokens FROM turns
WHERE state = 'queued' AND id > 0
"""
AGAIN_SECONDS = 0.1  # between two counts
SHARE = 10  # counted anew when a tenth of the room that was found is used


@dataclass(frozen=True, slots=True)
class Limits:
    """`person_turns`: of one person, waiting and running. `waiting_turns` and `waiting_tokens`: of
    all, where tokens are those of what was written now, estimated. The settings have the same."""

    person_turns: int = 100
    waiting_turns: int = 10_000
    waiting_tokens: int = 5_000_000
    deadline_seconds: float = 1800.0


@dataclass(slots=True)
class Backlog:
    database: Database
    limits: Limits | AssistantSettings  # which may change meanwhile
    clock: Callable[[], float] = time.monotonic  # seconds
    turns: int = field(default=0, init=False)  # that wait, as far as it is known here
    _tokens: int = field(default=0, init=False)
    _counted_at: float = field(default=0.0, init=False)
    _counted: tuple[int, int] | None = field(default=None, init=False)  # turns and tokens
    _counting: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def has_room(self, tokens: int) -> bool:
        """Whether a turn with so many tokens may be added; then it counts as added.

        Raises StorageUnavailable.
        """
        if self._stale(tokens):
            async with self._counting:
                if self._stale(tokens):
                    await self._count()
        if not self.fits(tokens):
            return False
        self.turns += 1
        self._tokens += tokens
        return True

    def fits(self, tokens: int) -> bool:
        """Whether so many may be added, as far as it is known here."""
        limits = self.limits
        # What is too much by itself is not refused for what waits: with nothing before it, it goes.
        room = self._tokens == 0 or self._tokens + tokens <= limits.waiting_tokens
        return self.turns < limits.waiting_turns and room

    def _stale(self, tokens: int) -> bool:
        if self._counted is None:
            return True
        if self.clock() - self._counted_at < AGAIN_SECONDS:
            return False
        turns, waiting = self._counted
        used = self.turns - turns >= (self.limits.waiting_turns - turns) / SHARE
        spent = self._tokens - waiting >= (self.limits.waiting_tokens - waiting) / SHARE
        return used or spent or not self.fits(tokens)

    async def _count(self) -> None:
        (row,) = await self.database.rows(COUNT)
        self.turns, self._tokens = self._counted = (int(row.turns), int(row.tokens))
        self._counted_at = self.clock()
