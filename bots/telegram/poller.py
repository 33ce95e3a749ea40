"""Long polling for one account. An update is confirmed to Telegram only after it was handled.

The library's own Updater confirms updates before anything is stored; this loop asks from the first
update on that is not handled yet, which confirms those before it alone. Chats are handled side by
side, and each in order: one that waits for a slow file holds up no other. What is in work meanwhile
comes again with each answer, and is known. An answer has at most a hundred updates from the one
asked for, so no more than that are ever in work. Only one poller may run for an account: the caller
holds its lease.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog

from assistant.channel import Notices
from assistant.errors import StorageUnavailable
from assistant.lines import Line
from assistant.messages import Arrival
from assistant.service import Assistant
from bots.telegram.addressing import BotIdentity
from bots.telegram.albums import album_id_of
from bots.telegram.backoff import Backoff
from bots.telegram.bot import TelegramBot
from bots.telegram.persistence import Persistence
from bots.telegram.update import UpdateHandler, lane_of, update_id_of

LONG_POLL_SECONDS = 25
# While something is in work, Telegram answers at once, with what we know: ask only so often.
ASK_AGAIN_SECONDS = 0.5
_log = structlog.get_logger()

_Update = tuple[int, Any]  # its id, and itself
_Lane = tuple[int | None, bool]


class TelegramPoller:
    """`run` until cancelled; it can be cancelled, and run again, at any time."""

    def __init__(
        self,
        bot: TelegramBot,
        channel: Notices,
        assistant: Assistant,
        *,
        long_poll_seconds: int = LONG_POLL_SECONDS,
        retry_seconds: tuple[float, float] = (1.0, 30.0),
        line: Line | None = None,
    ) -> None:
        """`channel` says the notices: give the one whose calls pass the chat's budget.

        `retry_seconds`: the first and the longest pause after something went wrong. `line` is told
        how it stands with Telegram.
        """
        self._bot = bot
        self._account = channel.account
        self._handler = UpdateHandler(bot, channel, assistant)
        self._long_poll_seconds = long_poll_seconds
        self._line = line or Line("telegram", channel.account, "polling")
        self._asking = Persistence(channel.account, Backoff(*retry_seconds), self._line)
        self._storing = Backoff(*retry_seconds)

    async def run(self) -> None:
        identity = await self._asking.until_done(self._introduce)
        _log.info("telegram_polling", account=self._account, username=identity.username)
        async with asyncio.TaskGroup() as group:
            work = _Work(self._handler, identity, group)
            while True:
                offset = work.confirm()
                batch = await self._asking.until_done(partial(self._ask, offset))
                if batch:
                    self._line.hear()
                readable = work.take(batch, offset)
                await work.settle(ASK_AGAIN_SECONDS)
                if work.failed() or not readable:
                    await self._storing.pause()
                else:
                    self._storing.reset()

    async def _introduce(self) -> BotIdentity:
        identity = await self._bot.introduce()
        await self._bot.delete_webhook(drop_pending_updates=False)  # else polling is refused
        return identity

    async def _ask(self, offset: int | None) -> Sequence[Any]:
        return await self._bot.updates(offset, self._long_poll_seconds)


class _Work:
    """The updates that are not confirmed yet: in work, done, or to be asked for again."""

    def __init__(
        self, handler: UpdateHandler, identity: BotIdentity, group: asyncio.TaskGroup
    ) -> None:
        self._handler = handler
        self._identity = identity
        self._group = group
        self._lanes: dict[_Lane, deque[_Update]] = {}  # in work, the first of each just now
        self._next: int | None = None  # behind all that came so far
        self._unfinished: set[int] = set()  # in work, or not stored and dropped
        self._done: set[int] = set()  # and not confirmed
        self._arrivals: dict[int, Arrival] = {}  # of all that is not confirmed
        self._failed = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def offset(self) -> int | None:
        """What to ask from: the first update that is not done."""
        if self._next is None:
            return None
        return min(self._unfinished | {self._next})  # ids of before they began anew may be higher

    def confirm(self) -> int | None:
        """What to ask from: asking so tells Telegram that what lies before it was received."""
        offset = self.offset
        for update_id in [one for one in self._arrivals if one < (offset or 0)]:
            self._arrivals.pop(update_id).acknowledge()
        return offset

    def take(self, batch: Sequence[Any], offset: int | None) -> bool:
        """Begin with what is new. False for an answer of which no update can be read.

        `offset`: what was asked for. Nothing but what lies before it comes where the ids began
        anew, which Telegram lets them do after a week without updates; it answers from its first.
        """
        came = {
            update_id: update for update in batch if (update_id := update_id_of(update)) is not None
        }
        if came:
            behind = max(came) + 1
            anew = offset is not None and behind <= offset
            self._next = behind if anew else max(self._next or 0, behind)
            self._forget_gone(set(came), self._next)
        in_work = self._in_work()
        lanes: dict[_Lane, list[_Update]] = defaultdict(list)
        for update_id in sorted(came.keys() - in_work - self._done):
            lanes[lane_of(came[update_id])].append((update_id, came[update_id]))
            self._arrivals[update_id] = Arrival()
        for lane, updates in lanes.items():
            self._begin(lane, updates)
        return bool(came) or not batch

    async def settle(self, seconds: float) -> None:
        """Wait until nothing is in work, but no longer than this."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            pass

    def failed(self) -> bool:
        """Whether something could not be stored since the last call."""
        failed, self._failed = self._failed, False
        return failed

    def _in_work(self) -> set[int]:
        return {update_id for lane in self._lanes.values() for update_id, _ in lane}

    def _forget_gone(self, came: set[int], behind: int) -> None:
        """Telegram keeps an update for a day: what it doesn't send again is no more."""
        kept = self._in_work() | came
        self._unfinished = {
            one for one in self._unfinished if one in kept or max(came) < one < behind
        }
        # What was done while this answer was under way to us is in it once more.
        first = self.offset or 0
        self._done = {one for one in self._done if one in came or first <= one < behind}

    def _begin(self, lane: _Lane, updates: Sequence[_Update]) -> None:
        self._unfinished.update(update_id for update_id, _ in updates)
        if lane in self._lanes:
            self._lanes[lane].extend(updates)
            return
        self._lanes[lane] = deque(updates)
        self._idle.clear()
        self._group.create_task(self._in_order(lane))

    async def _in_order(self, lane: _Lane) -> None:
        """One lane's updates, until none is left; from the first that can't be stored on, all are
        dropped, and come again."""
        waiting = self._lanes[lane]
        try:
            while waiting:
                together = _together(waiting)
                updates, first = [update for _, update in together], waiting[0][0]
                await self._handler.handle(updates, self._identity, self._arrivals.get(first))
                for update_id, _ in together:
                    waiting.popleft()
                    self._unfinished.discard(update_id)
                    self._done.add(update_id)
        except StorageUnavailable:
            _log.warning("update_not_stored", update_id=waiting[0][0])
            self._failed = True
        finally:
            del self._lanes[lane]
            if not self._lanes:
                self._idle.set()


def _together(waiting: Sequence[_Update]) -> list[_Update]:
    """The first, with the further parts of the album that it is a part of."""
    album = album_id_of(waiting[0][1])
    together = [waiting[0]]
    for one in list(waiting)[1:]:
        if not album or album_id_of(one[1]) != album:
            break
        together.append(one)
    return together
