"""Signals in Redis: wake a worker, stop a turn, say that a worker is there.

Redis is the speed, never the truth: every signal may be lost, and Postgres is asked again within
seconds. So nothing here raises when Redis is away; it logs once per outage and goes on.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, TypeVar

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from assistant.engine_reading import EngineReading
from inference.api import EngineInfo, EngineState

log = structlog.get_logger()

QUEUE = "outrider:turns"
WORKERS_GROUP = "workers"
STOPS = "outrider:stops"
WORKERS = "outrider:workers"
SEEN = f"{WORKERS}:seen"
LINES = "outrider:lines"  # what gateways say of their channels
FIRST = "outrider:first:"
PRESENCE_SECONDS = 10
RETRY_SECONDS = 0.5
PRESENT_SECONDS = 1.0  # for so long what was heard of the workers is not asked for again
OWN_SECONDS = 60  # a worker's own offers are forgotten after it is gone

# On Redis's clock: two machines' own may be a minute apart.
# KEYS: what processes said, when. ARGV: the process, what it says.
ANNOUNCE = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], redis.call('TIME')[1], ARGV[1])
"""
# KEYS: the same. ARGV: seconds. What those said that were heard of since; the others are forgotten.
PRESENT = """
local since = redis.call('TIME')[1] - ARGV[1]
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', since)) do
    redis.call('ZREM', KEYS[2], gone)
    redis.call('HDEL', KEYS[1], gone)
end
local said = {}
for _, process in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    local value = redis.call('HGET', KEYS[1], process)
    if value then table.insert(said, value) end
end
return said
"""

# What its engine is, or what is being done with that; or that the worker takes no further turn.
WorkerState = EngineState | Literal["waking", "rebuilding", "draining"]

T = TypeVar("T")
# Our own limit on every call. redis-py's `socket_timeout` must be None (it is not by default): with
# it the library writes under asyncio.wait_for(), which swallows cancellations before Python 3.12.
REDIS_SECONDS = 5.0
# A platform waits for its acknowledgement behind these; Postgres is asked soon anyway.
SIGNAL_SECONDS = 0.5
LOST = (RedisError, OSError, asyncio.TimeoutError)


@dataclass(frozen=True, slots=True)
class WorkerPresence:
    """What a worker says of itself every few seconds."""

    worker: str
    state: WorkerState
    detail: str
    info: EngineInfo | None
    running_turns: int = 0
    room: int = 0  # for so many turns more
    reading: EngineReading | None = None  # what its engine did lately

    @property
    def answers(self) -> bool:
        """Whether turns are for it; False for one whose model makes embeddings alone."""
        return self.info is None or self.info.generates


@dataclass(frozen=True, slots=True)
class StopSignal:
    """`attempt` where only that one is given up; None where the turn ends and keeps its text."""

    turn_id: int
    attempt: int | None = None


@dataclass(slots=True)
class Signals:
    redis: Redis
    _away: bool = field(default=False, init=False)
    _free: Sequence[str] = field(default=(), init=False)
    _free_at: float = field(default=float("-inf"), init=False)
    _heard: Sequence[WorkerPresence] = field(default=(), init=False)  # what `last_workers` gives
    # When a worker was there last, or Redis was away.
    _heard_at: float = field(default=float("-inf"), init=False)

    async def wake_worker(self, turn_id: int, first: str | None = None) -> None:
        """Offer a turn: one waiting worker reads it and looks into Postgres at once.

        `first`: the worker that is offered it before others. They are all the same, should it be
        gone: what is left to it they find a moment later.
        """
        await self._try(self._offer(turn_id, first), None, SIGNAL_SECONDS)

    async def _offer(self, turn_id: int, first: str | None) -> None:
        async with self.redis.pipeline(transaction=False) as pipeline:
            if first is not None:
                pipeline.xadd(_own(first), {"turn": turn_id}, maxlen=1000, approximate=True)
                pipeline.expire(_own(first), OWN_SECONDS)
            pipeline.xadd(QUEUE, {"turn": turn_id}, maxlen=10_000, approximate=True)
            await pipeline.execute()

    async def free_workers(self) -> Sequence[str]:
        """The workers that have room, as far as they said lately; none where there is but one.

        A message isn't stored before this returns: a Redis that hangs is not waited for.
        """
        if time.monotonic() - self._free_at > PRESENT_SECONDS:
            self._free_at = time.monotonic()  # also for those who ask meanwhile
            there = await self.workers(SIGNAL_SECONDS)
            self._free = [one.worker for one in there if one.room] if len(there) > 1 else ()
        return self._free

    async def wait_for_turn(self, worker: str, seconds: float, most: int = 1) -> bool:
        """Return when a turn was offered (`most` offers are taken at once), or after `seconds`;
        whether one was."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(seconds + REDIS_SECONDS):
                offers = await self.redis.xreadgroup(
                    WORKERS_GROUP,
                    worker,
                    {QUEUE: ">", _own(worker): ">"},
                    count=most,
                    block=int(seconds * 1000),
                    noack=True,
                )
            self._away = False
            return bool(offers)
        except ResponseError as error:
            if "NOGROUP" in str(error) and await self._make_groups(worker):
                return False
            self._note(error)  # a failover, a full disk: it passes
            await asyncio.sleep(max(0.0, seconds - (time.monotonic() - started)))
        except LOST as error:
            self._note(error)
            await asyncio.sleep(max(0.0, seconds - (time.monotonic() - started)))
        return False

    async def _make_groups(self, worker: str) -> bool:
        """The one that is missing; what was offered to this worker meanwhile it still finds."""
        made = [
            await self._try(self._make_group(stream, since), False)
            for stream, since in ((QUEUE, "$"), (_own(worker), "0"))
        ]
        return all(made)

    async def _make_group(self, stream: str, since: str) -> bool:
        try:
            await self.redis.xgroup_create(stream, WORKERS_GROUP, id=since, mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        return True

    async def first(self, what: str, seconds: int) -> bool:
        """Whether this happens for the first time in so many seconds; True where Redis is away."""
        noted = self.redis.set(f"{FIRST}{what}", 1, nx=True, ex=seconds)
        return await self._try(noted, True, SIGNAL_SECONDS) is not None

    async def forget(self, *what: str) -> None:
        """It happens for the first time again."""
        names = [f"{FIRST}{one}" for one in what]
        await self._try(self.redis.delete(*names), 0, SIGNAL_SECONDS)

    async def noted(self, what: str) -> bool:
        """Whether `first` was asked for this within its time; False where Redis is away."""
        found = self.redis.exists(f"{FIRST}{what}")
        return bool(await self._try(found, 0, SIGNAL_SECONDS))

    async def stop_turn(self, turn_id: int) -> None:
        """Tell the worker that runs this turn to end it now and to keep what was said."""
        await self._try(self.redis.publish(STOPS, str(turn_id)), None, SIGNAL_SECONDS)

    async def abandon(self, turn_id: int, attempt: int) -> None:
        """Tell the worker that runs this attempt that it counts no more."""
        said = self.redis.publish(STOPS, f"{turn_id}:{attempt}")
        await self._try(said, None, SIGNAL_SECONDS)

    async def stops(self) -> AsyncIterator[StopSignal]:
        """What is to be stopped, for ever. Comes back by itself after an outage."""
        while True:
            try:
                async with self.redis.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(STOPS)
                    async for message in subscription.listen():
                        turn_id, _, attempt = message["data"].partition(":")
                        yield StopSignal(int(turn_id), int(attempt) if attempt else None)
            except LOST as error:
                self._note(error)
                await asyncio.sleep(RETRY_SECONDS)

    async def say(self, board: str, process: str, what: object) -> None:
        """Others read it on this board (WORKERS, LINES) for PRESENCE_SECONDS; `what` is JSON's."""
        said = self.redis.eval(ANNOUNCE, 2, board, _seen(board), process, json.dumps(what))
        await self._try(said, 0)

    async def said(self, board: str, seconds: float = REDIS_SECONDS) -> list[Any]:
        """What stands on a board; nothing where Redis doesn't answer within `seconds`."""
        return await self._said(board, seconds) or []

    async def _said(self, board: str, seconds: float) -> list[Any] | None:
        """None where Redis doesn't answer within `seconds`."""
        present = self.redis.eval(PRESENT, 2, board, _seen(board), PRESENCE_SECONDS)
        found = await self._try(present, None, seconds)
        return None if found is None else [json.loads(value) for value in found]

    async def unsay(self, board: str, process: str) -> None:
        await self._try(self.redis.hdel(board, process), 0)
        await self._try(self.redis.zrem(_seen(board), process), 0)

    async def announce(self, presence: WorkerPresence) -> None:
        await self.say(WORKERS, presence.worker, asdict(presence))

    async def leave(self, worker: str) -> None:
        await self.unsay(WORKERS, worker)
        await self._try(self.redis.xgroup_delconsumer(QUEUE, WORKERS_GROUP, worker), 0)
        await self._try(self.redis.delete(_own(worker)), 0)

    async def workers(self, seconds: float = REDIS_SECONDS) -> list[WorkerPresence]:
        """Workers that were heard of in the last PRESENCE_SECONDS; none where Redis doesn't answer
        within `seconds`."""
        found = await self._said(WORKERS, seconds)
        there = [_presence(value) for value in found or ()]
        now = time.monotonic()
        if there or (found is not None and now - self._heard_at > PRESENCE_SECONDS):
            self._heard = there
        if there or found is None:
            self._heard_at = now
        return there

    async def last_workers(self) -> Sequence[WorkerPresence]:
        """As `workers`, but while Redis doesn't answer, and for PRESENCE_SECONDS after it lost what
        was said there, those that were heard of before: they go on without it."""
        return await self.workers(SIGNAL_SECONDS) or self._heard

    async def ping(self) -> bool:
        return bool(await self._try(self.redis.ping(), False))

    async def _try(self, call: Awaitable[T], otherwise: T, seconds: float = REDIS_SECONDS) -> T:
        try:
            async with asyncio.timeout(seconds):
                value = await call
        except LOST as error:
            self._note(error)
            return otherwise
        self._away = False
        return value

    def _note(self, error: BaseException) -> None:
        if not self._away:
            log.warning("redis_away", error=type(error).__name__)
        self._away = True


def _own(worker: str) -> str:
    """The stream of what is offered to this worker first."""
    return f"{QUEUE}:{worker}"


def _seen(board: str) -> str:
    """When each process said something there."""
    return f"{board}:seen"


def _presence(value: dict[str, object]) -> WorkerPresence:
    """A worker of another version may say less, or more, than is known here."""
    info, reading = value.pop("info"), value.pop("reading", None)
    known = EngineInfo(**_known(EngineInfo, info)) if isinstance(info, dict) else None
    if known is not None:
        known = replace(known, formats=tuple(known.formats))
    lately = EngineReading(**_known(EngineReading, reading)) if isinstance(reading, dict) else None
    if lately is not None:
        lately = replace(lately, rates=tuple(lately.rates))
    return WorkerPresence(**_known(WorkerPresence, value), info=known, reading=lately)


def _known(
    of: type[EngineInfo | EngineReading | WorkerPresence], given: dict[str, Any]
) -> dict[str, Any]:
    names = {one.name for one in fields(of)}
    return {name: value for name, value in given.items() if name in names}
