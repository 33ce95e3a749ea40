"""The glance: what an admin sees of everything at once, and what needs their hand.

However many look at it, this process asks for it once in LOOK_SECONDS. What people did today and in
the month is counted beside that: it takes long where days have not been closed yet.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

from assistant.errors import StorageUnavailable
from assistant.insight.channel_states import ChannelState, ChannelStates
from assistant.insight.concerns import Concern, OpenEnds, concerns
from assistant.insight.so_far import SoFar, so_far
from assistant.insight.turns_now import LiveTurns, TurnsNow
from assistant.lines import reported
from assistant.settings import AssistantSettings
from assistant.signals import Signals, WorkerPresence
from assistant.storage.database import Database

log = structlog.get_logger()

LOOK_SECONDS = 1.0
COUNT_SECONDS = 10.0  # from a count to the next, as long as somebody looks
STALE_SECONDS = 60.0  # then a count is shown to nobody


@dataclass(frozen=True, slots=True)
class Glance:
    """`redis` False: nobody hears what gateways and workers say, and both are unknown. `totals`
    None: they are being counted."""

    redis: bool
    channels: Sequence[ChannelState]
    workers: Sequence[WorkerPresence]
    turns: TurnsNow
    totals: SoFar | None
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
    _wanted: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _counted: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def run(self) -> None:
        """Count whenever somebody looks, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            began = self.clock()
            try:
                self._totals = await so_far(self.database)
            except (StorageUnavailable, TimeoutError) as error:
                log.warning("totals_not_counted", error=type(error).__name__)
            else:
                self._counted_at = began
                self._counted.set()
            await asyncio.sleep(COUNT_SECONDS)

    async def with_totals(self, seconds: float) -> Glance:
        """As `now`, but a count is waited for where there is none, for so long."""
        glance = await self.now()
        if glance.totals is not None:
            return glance
        self._counted.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._counted.wait()
        return await self.now()

    async def now(self) -> Glance:
        """At most LOOK_SECONDS old. Raises StorageUnavailable."""
        self._wanted.set()
        async with self._looking:
            if self._glance is None or self.clock() - self._looked_at >= LOOK_SECONDS:
                began = self.clock()
                self._glance = await self._look()
                self._looked_at = began
            return replace(self._glance, totals=self._known_totals())

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
            totals=None,
            concerns=concerns(channels, workers, turns, left, self.settings, redis=redis),
        )

    def _known_totals(self) -> SoFar | None:
        return self._totals if self.clock() - self._counted_at < STALE_SECONDS else None
