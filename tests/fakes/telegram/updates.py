"""The queue of a bot's updates: one stays until a later offset, or a webhook's 2xx, confirms it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from tests.fakes.telegram.refusals import Refused

OPT_IN = frozenset({"chat_member", "message_reaction", "message_reaction_count"})

# So far behind the newest update an offset may lie and still confirm all. One further on is a
# mistake to Telegram's server, which then answers from its first update and confirms nothing.
AHEAD = 10

OTHER_POLL = (
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is "
    "running"
)


class UpdateQueue:
    def __init__(self) -> None:
        self.pending: list[dict[str, Any]] = []
        self.allowed: list[str] = []  # empty: all but OPT_IN
        self.handed_out: list[int] = []  # update ids in the order of getUpdates' answers
        self._next_id = 1001
        self._news = asyncio.Event()
        self._poll = 0  # the newest getUpdates wins
        self._interruption = OTHER_POLL

    def push(self, update: dict[str, Any]) -> int:
        """Queue an update (without its id); returns the id. Kinds not asked for are dropped."""
        update_id = self._next_id
        self._next_id += 1
        kinds = set(update) - {"update_id"}
        wanted = kinds <= set(self.allowed) if self.allowed else not kinds & OPT_IN
        if wanted:
            self.pending.append({"update_id": update_id, **update})
            self._wake()
        return update_id

    async def take(self, offset: int, limit: int, timeout: float) -> list[dict[str, Any]]:
        """Raises Refused (409) when another getUpdates comes while this one waits."""
        self.interrupt(OTHER_POLL)
        mine = self._poll
        self.confirm(offset)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout or 0.001):
                while not self.pending and mine == self._poll:
                    await self._news.wait()
        if mine != self._poll:
            raise Refused(409, self._interruption)
        batch = self.pending[:limit]
        self.handed_out += [update["update_id"] for update in batch]
        return batch

    def begin_anew(self, update_id: int) -> None:
        """What comes next has this id: after a week without updates Telegram takes any."""
        self.pending.clear()
        self._next_id = update_id

    def interrupt(self, words: str) -> None:
        """End the poll that waits, if there is one, with these words."""
        self._poll += 1
        self._interruption = words
        self._wake()

    def confirm(self, offset: int) -> None:
        if offset < 0:
            self.pending = self.pending[offset:]
        elif offset <= self._next_id + AHEAD:
            self.pending = [update for update in self.pending if update["update_id"] >= offset]

    def remove(self, update: dict[str, Any]) -> None:
        self.pending = [one for one in self.pending if one is not update]

    async def news(self, seconds: float) -> None:
        """Wait until an update comes, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
