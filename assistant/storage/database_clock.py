"""The database's clock, as this process knows it: what steps of several processes are timed on.

Two machines' own clocks may lie apart by more than an answer takes. So each process asks Postgres
now and then what time it is, and reckons from its own monotonic clock meanwhile. It is right to
within half of the quickest of a few round trips.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from assistant.errors import StorageUnavailable
from assistant.storage.database import Database, row

AGAIN_SECONDS = 30.0
RETRY_SECONDS = 1.0
TRIES = 3
NOW = "SELECT CAST(extract(epoch FROM clock_timestamp()) AS float8) AS seconds"


@dataclass(slots=True)
class DatabaseClock:
    database: Database
    monotonic: Callable[[], float] = time.monotonic
    _behind: float | None = field(default=None, init=False)  # the monotonic clock, in seconds

    def at(self, moment: float) -> float | None:
        """What it showed at a moment of the monotonic clock, in seconds since the epoch; None
        before it was asked for the first time."""
        return None if self._behind is None else moment + self._behind

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            try:
                await self.ask()
            except StorageUnavailable:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                await asyncio.sleep(AGAIN_SECONDS)

    async def ask(self) -> None:
        """Raises StorageUnavailable; what was known stays."""
        found: list[tuple[float, float]] = []  # how long it took, and how far apart they are
        async with self.database.transaction() as connection:
            for _ in range(TRIES):
                before = self.monotonic()
                said = await row(connection, NOW)
                after = self.monotonic()
                if said is not None:
                    found.append((after - before, said.seconds - (before + after) / 2))
        self._behind = min(found)[1] if found else self._behind
