"""Closing: the figures of a day that is over are counted once and kept.

So pages read a few rows instead of all turns, and what is erased later takes no count with it. The
day that runs is read live (`figures.py`). Days that were missed are caught up, each once: a day is
closed by its row in `figure_days`, in the transaction that writes its figures.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date

import structlog

from assistant.errors import StorageUnavailable
from assistant.insight.active_people import WHO_ASKED, WHO_USED
from assistant.insight.cells import ALL, ALL_VERSIONS, COUNTED, COUNTS, TIMED, span
from assistant.storage.database import Connection, Database, row, rows

log = structlog.get_logger()

LEASE = "figures"
LOOK_SECONDS = 60.0
PAUSE_SECONDS = 0.05  # between days that are caught up, so that others come first
DAY_SECONDS = 120.0  # for all that one day takes
# What ends just before midnight is committed after it.
SETTLED_AFTER_SECONDS = 120

# The first day that is not closed, where it is over.
NEXT = """
SELECT day FROM (SELECT coalesce(
    (SELECT max(day) + 1 FROM figure_days),
    (SELECT CAST(min(finished_at) AT TIME ZONE 'UTC' AS date) FROM turns
        WHERE finished_at IS NOT NULL)) AS day) AS next
WHERE day < CAST((now() - make_interval(secs => %(settled)s)) AT TIME ZONE 'UTC' AS date)
"""
BEGIN_DAY = "INSERT INTO figure_days (day) VALUES (%(day)s) ON CONFLICT DO NOTHING RETURNING day"
KEEP_COUNTS = f"""
INSERT INTO figures (day, channel, persona, persona_version, {", ".join(COUNTS)}) {COUNTED}
"""
KEEP_TIMES = f"""
INSERT INTO figure_latencies (day, channel, persona, persona_version, measure, buckets, counts)
SELECT day, channel, persona, persona_version, measure, array_agg(bucket ORDER BY bucket),
    array_agg(turns ORDER BY bucket)
FROM ({TIMED}) AS timed GROUP BY day, channel, persona, persona_version, measure
"""
KEEP_ASKED = f"""
INSERT INTO figure_people (day, channel, persona, persona_version, in_day) {WHO_ASKED}
"""
KEEP_USED = f"""
INSERT INTO figure_people
    (day, channel, persona, persona_version, in_day, in_30_days, in_month)
SELECT day, channel, '{ALL}', {ALL_VERSIONS}, in_day, in_30_days, in_month
FROM ({WHO_USED}) AS used
"""


@dataclass(frozen=True, slots=True)
class Closing:
    """`run` belongs to whoever holds the lease LEASE."""

    database: Database

    async def run(self) -> None:
        """Close each day that is over, until cancelled."""
        while True:
            try:
                await self.close_due()
            except StorageUnavailable:
                log.warning("figures_not_counted")
            await asyncio.sleep(LOOK_SECONDS)

    async def close_due(self) -> int:
        """Close all days that are over; how many they were.

        Raises StorageUnavailable; what was closed by then stays so.
        """
        closed = 0
        while (day := await self.close_next()) is not None:
            log.info("figures_kept", day=day.isoformat())
            closed += 1
            await asyncio.sleep(PAUSE_SECONDS)
        return closed

    async def close_next(self) -> date | None:
        """The day that was closed; None where none is due, or another process closed it now."""
        async with self.database.transaction(DAY_SECONDS) as connection:
            due = await row(connection, NEXT, {"settled": SETTLED_AFTER_SECONDS})
            if due is None or await row(connection, BEGIN_DAY, {"day": due.day}) is None:
                return None
            await _keep(connection, due.day)
            return due.day  # type: ignore[no-any-return]


async def _keep(connection: Connection, day: date) -> None:
    values = {**span([day]), "days": [day]}
    for statement in (KEEP_COUNTS, KEEP_TIMES, KEEP_ASKED, KEEP_USED):
        await rows(connection, statement, values)
