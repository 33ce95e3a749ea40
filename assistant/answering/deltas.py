"""Reply deltas through Redis: written in one pipeline, read with one XREAD.

A turn's deltas are a Redis stream that expires. Readers that find a gap, or nothing at all, look
into Postgres, which has the checkpoint and the end: Redis may lose everything at any moment.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import astuple, dataclass, field, fields, replace
from typing import Any
from uuid import uuid4

import structlog
from redis.asyncio import Redis

from assistant.answering.turns import Reply, Turns
from assistant.errors import StorageUnavailable
from assistant.messages import ReplyDelta
from assistant.signals import LOST, REDIS_SECONDS, RETRY_SECONDS
from inference.api import ToolCall

log = structlog.get_logger()

EXPIRE_SECONDS = 900
FIRST_SECONDS = 0.05  # before Postgres is read for what came earlier
QUIET_SECONDS = 1.0  # without a delta for so long, a reader looks into Postgres
BLOCK_MILLISECONDS = 1000
DRAIN_LOOK_SECONDS = 0.02  # whether the last reader has its end


Admit = Callable[[int], Awaitable[bool]]  # given an attempt


async def _everything(attempt: int) -> bool:
    return True


ENTIRE = tuple(one.name for one in fields(ReplyDelta))
PIECE = ENTIRE[:4]  # turn, attempt, offset, text


def key(turn_id: int) -> str:
    return f"outrider:deltas:{turn_id}"


@dataclass(slots=True)
class DeltaWriter:
    """Collects deltas of all turns and flushes them every `flush_seconds` in one pipeline; what
    begins or ends a reply waits for no such moment: people see when that comes."""

    redis: Redis
    flush_seconds: float
    # By turn: many streams at once each grow a delta of their own.
    _waiting: dict[int, list[ReplyDelta]] = field(default_factory=dict, init=False)
    _filled: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _hurried: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    # By turn: when its stream's end is put off again.
    _expires: dict[int, float] = field(default_factory=dict, init=False)

    def write(self, delta: ReplyDelta) -> None:
        waiting = self._waiting.setdefault(delta.turn_id, [])
        if waiting and _continues(waiting[-1], delta):
            waiting[-1] = replace(
                delta, offset=waiting[-1].offset, text=waiting[-1].text + delta.text
            )
        else:
            waiting.append(delta)
        self._filled.set()
        if delta.offset == 0 or delta.state is not None:
            self._hurried.set()

    async def run(self) -> None:
        """Flush for ever; flushes what is left when cancelled."""
        try:
            while True:
                await self._filled.wait()
                await self.flush()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.flush_seconds):
                        await self._hurried.wait()
        finally:
            await self.flush()

    async def flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._filled.clear()
        self._hurried.clear()
        if not waiting:
            return
        try:
            async with (
                asyncio.timeout(REDIS_SECONDS),
                self.redis.pipeline(transaction=False) as pipeline,
            ):
                for turn_id, deltas in waiting.items():
                    for delta in deltas:
                        pipeline.xadd(key(turn_id), {"delta": encoded(delta)})
                    if self._outlives(turn_id, deltas[-1]):
                        pipeline.expire(key(turn_id), EXPIRE_SECONDS)
                await pipeline.execute()
        except LOST as error:
            # Readers find the text in the next checkpoint.
            log.warning("deltas_lost", turns=len(waiting), error=type(error).__name__)

    def _outlives(self, turn_id: int, last: ReplyDelta) -> bool:
        """Whether the stream's end is to be put off now: at first, now and then, and at its end."""
        now = time.monotonic()
        if last.state is not None:
            self._expires.pop(turn_id, None)
            return True
        if self._expires.get(turn_id, 0.0) > now:
            return False
        self._expires = {one: at for one, at in self._expires.items() if at > now}
        self._expires[turn_id] = now + EXPIRE_SECONDS / 10
        return True


def encoded(delta: ReplyDelta) -> str:
    """The fields in their order; those of the end only where it is one."""
    values = [getattr(delta, name) for name in (PIECE if delta.state is None else ENTIRE)]
    return json.dumps(values, default=astuple)


def decoded(text: str) -> ReplyDelta:
    given = dict(zip(ENTIRE, json.loads(text), strict=False))
    given["tool_calls"] = tuple(ToolCall(*one) for one in given.get("tool_calls", ()))
    return ReplyDelta(**given)


def _continues(last: ReplyDelta, delta: ReplyDelta) -> bool:
    return (
        last.state is None
        and (last.turn_id, last.attempt) == (delta.turn_id, delta.attempt)
        and last.offset + len(last.text) == delta.offset
    )


@dataclass(slots=True, eq=False)
class _Subscription:
    position: Position
    last_id: str = "0"
    heard: float = field(default_factory=time.monotonic)  # when there was something last
    # Deltas by Redis; by Postgres what is stored, or None for a turn that was erased.
    arrived: asyncio.Queue[ReplyDelta | Reply | None] = field(default_factory=asyncio.Queue)

    def put(self, item: ReplyDelta | Reply | None) -> None:
        self.heard = time.monotonic()
        self.arrived.put_nowait(item)


@dataclass(slots=True)
class DeltaReader:
    """Follows any number of turns with a single blocking read."""

    redis: Redis
    turns: Turns
    # By the stream's name: many replies are followed at once.
    _subscriptions: dict[str, set[_Subscription]] = field(
        default_factory=lambda: defaultdict(set), init=False
    )
    _wake: str = field(default_factory=lambda: f"outrider:wake:{uuid4().hex}", init=False)

    async def follow(
        self, turn_id: int, offset: int = 0, admit: Admit = _everything
    ) -> AsyncIterator[ReplyDelta]:
        """Deltas from `offset` on, without gap or overlap, until the one that has a state.

        `admit` is asked before text of an attempt that runs is given out; what it refuses is left
        out, and read again in its next attempt.
        """
        position = Position(turn_id, offset)
        async with self._subscribed(position) as subscription:
            arrived = await self._first(turn_id, subscription)
            ahead: ReplyDelta | None = None  # for what comes before it, Postgres was asked
            while arrived is not None:  # else it was erased
                if isinstance(arrived, Reply):
                    if arrived.final or not arrived.text or await admit(arrived.attempt):
                        for delta in position.catch_up(arrived, ahead):
                            yield delta
                            if delta.state is not None:
                                return
                    fits = ahead is not None and not position.behind(ahead)
                    arrived = ahead if fits else await subscription.arrived.get()
                    ahead = None
                    continue
                # An end is given out in any case; with it may come the first text.
                refused = arrived.text and not await admit(arrived.attempt)
                if refused and arrived.state is None:
                    arrived = await subscription.arrived.get()
                    continue
                placed = position.place(arrived)
                if placed is not None:
                    yield placed
                    if placed.state is not None:
                        return
                if placed is None and position.behind(arrived):
                    ahead, arrived = arrived, await self.turns.read(turn_id)
                else:
                    arrived = await subscription.arrived.get()

    async def _first(self, turn_id: int, subscription: _Subscription) -> ReplyDelta | Reply | None:
        """Most turns that are followed have just begun: what comes of them comes by Redis."""
        try:
            async with asyncio.timeout(FIRST_SECONDS):
                return await subscription.arrived.get()
        except TimeoutError:
            return await self.turns.read(turn_id)

    async def run(self) -> None:
        """Runs for ever, comes back by itself after an outage."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_redis())
            group.create_task(self._look())

    async def drain(self) -> None:
        """Return when nobody waits any more for the end of a turn that is over."""
        everyone = [one for readers in self._subscriptions.values() for one in readers]
        try:
            over = await self.turns.over({one.position.turn_id for one in everyone})
        except StorageUnavailable:
            return
        while any(key(turn) in self._subscriptions for turn in over):  # noqa: ASYNC110
            await asyncio.sleep(DRAIN_LOOK_SECONDS)

    async def _look(self) -> None:
        """Ask Postgres for all of which nothing was heard for a while, at once."""
        while True:
            await asyncio.sleep(QUIET_SECONDS / 2)
            before = time.monotonic() - QUIET_SECONDS
            everyone = [one for readers in self._subscriptions.values() for one in readers]
            silent = [one for one in everyone if one.heard < before and one.arrived.empty()]
            held: dict[int, int] = {}
            for one in silent:
                turn, offset = one.position.turn_id, one.position.offset
                held[turn] = min(held.get(turn, offset), offset)
            if not held:
                continue
            try:
                news = await self.turns.read_silent(held)
            except StorageUnavailable:
                continue
            for one in silent:
                if one.position.turn_id in news:
                    one.put(news[one.position.turn_id])

    async def _read_redis(self) -> None:
        """The one blocking read."""
        wake_id = "0"
        while True:
            wanted: dict[Any, Any] = {}
            for name, readers in self._subscriptions.items():
                wanted[name] = min((reader.last_id for reader in readers), key=_order)
            wanted[self._wake] = wake_id
            try:
                async with asyncio.timeout(REDIS_SECONDS):
                    found = await self.redis.xread(wanted, block=BLOCK_MILLISECONDS, count=500)
            except LOST as error:
                log.warning("deltas_unread", error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for name, entries in _streams(found):
                if name == self._wake:
                    wake_id = entries[-1][0]
                else:
                    self._hand_out(name, entries)

    def _hand_out(self, name: str, entries: list[tuple[str, dict[str, str]]]) -> None:
        readers = self._subscriptions.get(name, ())
        for entry_id, values in entries:
            delta = decoded(values["delta"])
            for reader in readers:
                if _order(entry_id) > _order(reader.last_id):
                    reader.last_id = entry_id
                    reader.put(delta)

    @asynccontextmanager
    async def _subscribed(self, position: Position) -> AsyncIterator[_Subscription]:
        turn_id = position.turn_id
        subscription, name = _Subscription(position), key(turn_id)
        self._subscriptions[name].add(subscription)
        try:
            try:  # end the blocking read, so that it begins anew with this turn
                async with asyncio.timeout(REDIS_SECONDS), self.redis.pipeline(False) as both:
                    both.xadd(self._wake, {"turn": turn_id}, maxlen=10)
                    both.expire(self._wake, EXPIRE_SECONDS)
                    await both.execute()
            except LOST as error:
                log.warning("deltas_unread", error=type(error).__name__)
            yield subscription
        finally:
            self._subscriptions[name].discard(subscription)
            if not self._subscriptions[name]:
                del self._subscriptions[name]


@dataclass(slots=True)
class Position:
    """How much of a reply a reader has: pure bookkeeping of attempts and offsets."""

    turn_id: int
    offset: int
    attempt: int = 0

    def place(self, delta: ReplyDelta) -> ReplyDelta | None:
        """The part of a delta that the reader lacks; None if nothing of it, or a gap before it."""
        if delta.attempt < self.attempt or self.behind(delta):
            return None
        newer = delta.attempt > self.attempt and self.attempt > 0
        self.attempt = max(self.attempt, delta.attempt)
        if not newer and delta.offset < self.offset:
            known = min(self.offset - delta.offset, len(delta.text))
            if known == len(delta.text) and delta.state is None:
                return None
            delta = replace(delta, offset=delta.offset + known, text=delta.text[known:])
        self.offset = delta.offset + len(delta.text)
        return delta

    def behind(self, delta: ReplyDelta) -> bool:
        """Whether there is a gap before it. What a newer attempt goes on from may differ from what
        the reader holds."""
        known = 0 if delta.attempt > self.attempt > 0 else self.offset
        return delta.attempt >= self.attempt and delta.offset > known

    def catch_up(self, stored: Reply, ahead: ReplyDelta | None = None) -> list[ReplyDelta]:
        """What the checkpoint has and the reader lacks; before `ahead`, which goes on from there,
        no more than up to it: an attempt may write the end that it was left with anew."""
        if stored.attempt < self.attempt:
            return []
        if stored.attempt > self.attempt > 0:
            self.offset = 0  # another attempt's text: what the reader holds may differ
        self.attempt = stored.attempt
        until = None
        if ahead is not None and ahead.attempt == stored.attempt and not stored.final:
            until = ahead.offset
        missing = stored.text[self.offset : until]
        if not missing and not stored.final:
            return []
        delta = ReplyDelta(
            turn_id=self.turn_id,
            attempt=stored.attempt,
            offset=min(self.offset, len(stored.text)),
            text=missing,
            state=stored.state if stored.final else None,
            error=stored.error,
            error_code=stored.error_code,
            prompt_tokens=stored.prompt_tokens,
            output_tokens=stored.output_tokens,
            finish_reason=stored.finish_reason,
            tool_calls=stored.tool_calls,
            stop_reason=stored.stop_reason,
            cached_tokens=stored.cached_tokens,
        )
        self.offset = delta.offset + len(missing)
        return [delta]


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence or 0)


def _streams(found: Any) -> list[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """XREAD's answer in either protocol: RESP2 gives a list, RESP3 a mapping of batches."""
    if not found:
        return []
    if isinstance(found, dict):
        return [
            (name, [entry for batch in batches for entry in batch])
            for name, batches in found.items()
        ]
    return [(name, entries) for name, entries in found]
