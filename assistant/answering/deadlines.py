"""Deadlines: a turn that has waited too long ends in words, and never without."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from assistant.answering.deltas import DeltaWriter
from assistant.errors import StorageUnavailable
from assistant.messages import ReplyDelta
from assistant.metrics import Metrics
from assistant.storage.database import Database

log = structlog.get_logger()

LEASE = "deadlines"
LOOK_SECONDS = 1.0
BATCH = 100  # rows of one statement: no lock is held for long
CODE = "deadline"
SENTENCE = (
    "You have waited too long for this: the model had no time for it. Please ask again later."
)

# Those that run are ended by their worker (`ClaimedTurn.seconds_left`), and keep their text. Those
# that nobody took over from it are ended as if they waited: there may be no worker left.
END = """
WITH waiting AS (
    SELECT id FROM turns WHERE state = 'queued' AND id > 0 AND deadline_at < now()
    ORDER BY deadline_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), unattended AS (
    SELECT id FROM turns
    WHERE state = 'running' AND lease_until < now() AND deadline_at < now()
    ORDER BY lease_until LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), late AS (
    SELECT id FROM waiting UNION ALL SELECT id FROM unattended
)
UPDATE turns SET state = 'failed', error_code = %(code)s, error = %(error)s, first_in = NULL,
    prompt_tokens = coalesce(cardinality(prompt_token_ids), 0), prompt_token_ids = NULL,
    output_tokens = cardinality(reply_token_ids), reply_token_ids = '{}', prompt_messages = NULL,
    lease_owner = NULL, lease_until = NULL, finished_at = now()
FROM late, conversations JOIN accounts ON accounts.id = account_id
WHERE turns.id = late.id AND conversations.id = conversation_id
RETURNING turns.id, attempt, channel, char_length(reply) AS characters
"""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """`run` belongs to whoever holds the lease LEASE."""

    database: Database
    deltas: DeltaWriter
    metrics: Metrics

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                ended = await self.end_late()
            except StorageUnavailable:
                ended = 0
            if ended < BATCH:
                await asyncio.sleep(LOOK_SECONDS)

    async def end_late(self) -> int:
        """End turns that nobody is at and that have no time left; how many they were, at most BATCH
        of those that wait and as many of those that were begun.

        Raises StorageUnavailable.
        """
        values = {"limit": BATCH, "code": CODE, "error": SENTENCE}
        rows = await self.database.rows(END, values)
        for row in rows:
            log.warning("turn_ended", turn=row.id, attempt=row.attempt, state="failed", code=CODE)
            self.metrics.failure(row.channel, CODE)
            self.deltas.write(
                ReplyDelta(
                    turn_id=row.id,
                    attempt=row.attempt,
                    offset=row.characters,
                    text="",
                    state="failed",
                    error=SENTENCE,
                    error_code=CODE,
                )
            )
        return len(rows)
