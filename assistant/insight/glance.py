"""The glance: what an admin sees of everything at once, and what needs their hand.

However many look at it, this process asks for it once in LOOK_SECONDS.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from assistant.insight.channel_states import ChannelState, ChannelStates
from assistant.insight.concerns import Concern, OpenEnds, concerns
from assistant.insight.so_far import SoFar, so_far
from assistant.insight.turns_now import LiveTurns, TurnsNow
from assistant.lines import reported
from assistant.settings import AssistantSettings
from assistant.signals import Signals, WorkerPresence
from assistant.storage.database import Database

LOOK_SECONDS = 1.0
COUNT_SECONDS = 10.0  # of what grows by the day, and costs more to add up


@dataclass(frozen=True, slots=True)
class Glance:
    """`redis` False: nobody hears what gateways and workers say, and both are unknown."""

    redis: bool
    channels: Sequence[ChannelState]
    workers: Sequence[WorkerPresence]
    turns: TurnsNow
    totals: SoFar
    concerns: Sequence[Concern]


@dataclass(slots=True)
class Glances:
    database: Database
    signals: Signals
    settings: AssistantSettings
    clock: Callable[[], float] = time.monotonic  # seconds
    _glance: Glance | None = field(default=None, init=False)
    _looked_at: float = field(default=float("-inf"), init=False)
    _totals: SoFar | None = field(default=None, init=False)
    _counted_at: float = field(default=float("-inf"), init=False)
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def now(self) -> Glance:
        """At most LOOK_SECONDS old. Raises StorageUnavailable."""
        async with self._looking:
            if self._glance is None or self.clock() - self._looked_at >= LOOK_SECONDS:
                began = self.clock()
                self._glance = await self._look()
                self._looked_at = began
            return self._glance

    async def _look(self) -> Glance:
        redis = await self.signals.ping()
        # Each may take seconds where Redis hangs: whoever is away isn't asked again.
        workers = await self.signals.workers() if redis else []
        reports = await reported(self.signals) if redis else []
        channels = await ChannelStates(self.database).read(reports)
        turns = await LiveTurns(self.database).read()
        left = await OpenEnds(self.database).read()
        return Glance(
            redis=redis,
            channels=channels,
            workers=sorted(workers, key=lambda one: one.worker),
            turns=turns,
            totals=await self._count(),
            concerns=concerns(channels, workers, turns, left, self.settings, redis=redis),
        )

    async def _count(self) -> SoFar:
        if self._totals is None or self.clock() - self._counted_at >= COUNT_SECONDS:
            self._counted_at = self.clock()
            self._totals = await so_far(self.database)
        return self._totals
