"""Arrivals: when each message was received, committed, offered to a worker and acknowledged.

Collected in memory and written once a second, all in one statement, so that nobody waits for it.
What a crash takes along is not recorded, and is shown so.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
import structlog

from assistant.errors import StorageUnavailable
from assistant.messages import Arrival
from assistant.storage.database import Database
from assistant.storage.database_clock import DatabaseClock

log = structlog.get_logger()

WRITE_SECONDS = 1.0
WAIT_SECONDS = 60.0  # for an acknowledgement; Telegram's may have to wait for another chat's file
MOST = 10_000  # that are held while the database is away; the oldest are lost then

# A message that was erased meanwhile has no arrival any more.
WRITE = """
WITH given AS (
    SELECT * FROM jsonb_to_recordset(CAST(%(arrivals)s AS jsonb)) AS one
        (message bigint, received float8, committed float8, dispatched float8, acknowledged float8)
), kept AS (
    SELECT id FROM messages WHERE id IN (SELECT message FROM given) FOR KEY SHARE
)
INSERT INTO arrivals (message_id, received_at, committed_at, dispatched_at, acknowledged_at)
SELECT given.message, to_timestamp(received), to_timestamp(committed), to_timestamp(dispatched),
    to_timestamp(acknowledged)
FROM given JOIN kept ON kept.id = given.message
ON CONFLICT (message_id) DO UPDATE
    SET acknowledged_at = coalesce(arrivals.acknowledged_at, excluded.acknowledged_at)
"""


@dataclass(slots=True)
class _Noted:
    """On the monotonic clock. `written` once it stands in Postgres, without its acknowledgement."""

    message_id: int
    arrival: Arrival
    committed: float
    dispatched: float
    written: bool = False

    @property
    def news(self) -> bool:
        return not self.written or self.arrival.acknowledged is not None


@dataclass(slots=True)
class Arrivals:
    database: Database
    clock: DatabaseClock
    monotonic: Callable[[], float] = time.monotonic
    _noted: list[_Noted] = field(default_factory=list, init=False)

    def note(self, message_id: int, arrival: Arrival, committed: float) -> None:
        """A worker was just woken for this message. `committed`: when that was known."""
        self._noted.append(_Noted(message_id, arrival, committed, self.monotonic()))
        del self._noted[:-MOST]

    async def run(self) -> None:
        """Write until cancelled, and then what is left."""
        try:
            while True:
                await asyncio.sleep(WRITE_SECONDS)
                await self.write()
        finally:
            await self.write()

    async def write(self) -> None:
        """Write what is new. What the database can't take now is kept for the next time."""
        before = self.monotonic() - WAIT_SECONDS
        self._noted = [one for one in self._noted if not one.written or one.dispatched > before]
        due = [one for one in self._noted if one.news]
        rows = [row for one in due if (row := self._row(one)) is not None]
        if not rows:
            return
        complete = {id(one) for one in due if one.arrival.acknowledged is not None}
        try:
            await self.database.rows(WRITE, {"arrivals": json.dumps(rows)})
        except StorageUnavailable:
            return
        except psycopg.Error as error:
            log.warning("arrivals_lost", messages=len(rows), error=type(error).__name__)
        for one in due:
            one.written = True
        self._noted = [one for one in self._noted if id(one) not in complete]

    def _row(self, one: _Noted) -> dict[str, float | int | None] | None:
        """None before the database's clock is known."""
        received, acknowledged = one.arrival.received, one.arrival.acknowledged
        if self.clock.at(received) is None:
            return None
        return {
            "message": one.message_id,
            "received": self.clock.at(received),
            "committed": self.clock.at(one.committed),
            "dispatched": self.clock.at(one.dispatched),
            "acknowledged": None if acknowledged is None else self.clock.at(acknowledged),
        }
