"""Processes: what each one says of itself every few seconds, so that an admin sees and reaches it.

In Redis, as all that is about this moment: who is silent for ten seconds is not listed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import structlog
from redis.asyncio import Redis

from assistant.signals import ANNOUNCE, LOST, PRESENCE_SECONDS, PRESENT, REDIS_SECONDS

log = structlog.get_logger()

PROCESSES = "outrider:processes"
SEEN = "outrider:processes:seen"
ANNOUNCE_SECONDS = 2.0

# `waiting`: another process has it, as only one may; `off`: its platform refused it, or it broke.
WayState = Literal["starting", "open", "waiting", "off"]


@dataclass(frozen=True, slots=True)
class WayInState:
    """A channel's way in, in one process. `reason` says why it is off."""

    name: str
    state: WayState
    reason: str
    since: str  # ISO 8601


@dataclass(frozen=True, slots=True)
class ProcessPresence:
    process: str
    role: str
    version: str
    started_at: str  # ISO 8601
    log_level: str
    ways_in: tuple[WayInState, ...] = ()

    @property
    def started(self) -> datetime:
        return datetime.fromisoformat(self.started_at)


@dataclass(frozen=True, slots=True)
class Processes:
    redis: Redis

    async def announce(self, say: Callable[[], ProcessPresence]) -> None:
        """Say it every few seconds, until cancelled; then no more is heard of this process."""
        name = say().process
        try:
            while True:
                await self.say(say())
                await asyncio.sleep(ANNOUNCE_SECONDS)
        finally:
            await self._leave(name)

    async def say(self, presence: ProcessPresence) -> None:
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                value = json.dumps(asdict(presence))
                await self.redis.eval(ANNOUNCE, 2, PROCESSES, SEEN, presence.process, value)
        except LOST as error:
            log.debug("process_not_announced", error=type(error).__name__)

    async def present(self) -> Sequence[ProcessPresence]:
        """Those that were heard of lately, by their names; none where Redis is away."""
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                said = await self.redis.eval(PRESENT, 2, PROCESSES, SEEN, PRESENCE_SECONDS)
        except LOST:
            return []
        found = [_presence(json.loads(value)) for value in said]
        return sorted(found, key=lambda one: (one.role, one.process))

    async def _leave(self, process: str) -> None:
        try:
            async with asyncio.timeout(1):
                await self.redis.hdel(PROCESSES, process)
                await self.redis.zrem(SEEN, process)
        except LOST:
            return


def _presence(value: dict[str, Any]) -> ProcessPresence:
    ways_in = tuple(WayInState(**one) for one in value.pop("ways_in", ()))
    return ProcessPresence(**value, ways_in=ways_in)
