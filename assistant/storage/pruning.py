"""Pruning: events that no platform delivers again are forgotten, in small batches, the
probabilities of tokens that nobody came for, experiments, old traces with the edits of their
replies, and sign-ins of admins that are over.

An event is only kept to know a redelivery by its id; messages and turns are kept in full.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from assistant.errors import StorageUnavailable
from assistant.storage.admins import LONGEST_SECONDS
from assistant.storage.database import Database

log = structlog.get_logger()

LEASE = "pruning"
# The platforms deliver again for up to seven days.
KEEP_DAYS = 8.0
KEEP_LOGPROBS_SECONDS = 900.0  # their reader is told of the end in seconds
KEEP_EXPERIMENTS_DAYS = 1.0  # they may repeat what people wrote
BATCH = 1000  # rows of one statement: no lock is held for long
PAUSE_SECONDS = 0.2  # between batches, so that others come first
LOOK_SECONDS = 600.0

PRUNE = """
DELETE FROM events WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM events WHERE received_at < now() - make_interval(secs => 86400 * %(days)s)
    ORDER BY received_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)) RETURNING 1
"""
PRUNE_LOGPROBS = """
UPDATE turns SET logprobs = NULL WHERE id = ANY (ARRAY(
    SELECT id FROM turns
    WHERE logprobs IS NOT NULL AND finished_at < now() - make_interval(secs => %(seconds)s)
    ORDER BY finished_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)) RETURNING 1
"""
PRUNE_EXPERIMENTS = """
DELETE FROM conversations WHERE id = ANY (ARRAY(
    SELECT conversation_id FROM experiments JOIN turns ON turns.id = turn_id
    WHERE experiments.created_at < now() - make_interval(secs => 86400 * %(days)s)
    ORDER BY experiments.created_at LIMIT %(limit)s
)) RETURNING 1
"""
# With an attempt's steps go the edits of its reply, of which there are dozens. What was posted
# stays: by it a message on the platform is known.
PRUNE_TRACES = """
WITH old AS (
    DELETE FROM traces WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM traces
        WHERE recorded_at < now() - make_interval(secs => 86400 * %(days)s)
        ORDER BY recorded_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )) RETURNING turn_id
), edits AS (
    DELETE FROM delivery_intents USING old
    WHERE delivery_intents.turn_id = old.turn_id AND kind IN ('edit', 'final')
)
SELECT FROM old
"""
PRUNE_ARRIVALS = """
DELETE FROM arrivals WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM arrivals WHERE recorded_at < now() - make_interval(secs => 86400 * %(days)s)
    ORDER BY recorded_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)) RETURNING 1
"""

PRUNE_SESSIONS = """
DELETE FROM admin_sessions WHERE created_at < now() - make_interval(secs => %(seconds)s)
"""


@dataclass(frozen=True, slots=True)
class Pruning:
    """`run` belongs to whoever holds the lease LEASE. Traces are kept for so many days."""

    database: Database
    trace_days: float = 30.0

    async def run(self) -> None:
        """Prune until cancelled."""
        while True:
            try:
                pruned = await self.prune()
                await self.prune_logprobs()
                await self.prune_experiments()
                await self.prune_traces()
                await self.prune_sessions()
            except StorageUnavailable:
                pruned = 0
            if pruned:
                log.info("events_pruned", events=pruned)
            await asyncio.sleep(LOOK_SECONDS)

    async def prune(self) -> int:
        """Delete all that is old enough; returns how many events it was.

        Raises StorageUnavailable; what was deleted by then stays so.
        """
        return await self._all(PRUNE, KEEP_DAYS)

    async def prune_logprobs(self) -> int:
        """Forget those that were asked for and not read; returns of how many turns."""
        values = {"seconds": KEEP_LOGPROBS_SECONDS, "limit": BATCH}
        return len(await self.database.rows(PRUNE_LOGPROBS, values))

    async def prune_sessions(self) -> None:
        await self.database.rows(PRUNE_SESSIONS, {"seconds": LONGEST_SECONDS})

    async def prune_experiments(self) -> int:
        """Returns how many were deleted, whole."""
        return await self._all(PRUNE_EXPERIMENTS, KEEP_EXPERIMENTS_DAYS)

    async def prune_traces(self) -> int:
        """Returns how many attempts and arrivals it was."""
        traces = await self._all(PRUNE_TRACES, self.trace_days)
        return traces + await self._all(PRUNE_ARRIVALS, self.trace_days)

    async def _all(self, statement: str, days: float) -> int:
        pruned = 0
        while True:
            deleted = len(await self.database.rows(statement, {"days": days, "limit": BATCH}))
            pruned += deleted
            if deleted < BATCH:
                return pruned
            await asyncio.sleep(PAUSE_SECONDS)
