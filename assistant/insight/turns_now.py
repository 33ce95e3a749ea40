"""The turns that run and wait now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assistant.storage.database import Database

SHOWN = 50  # of those that run, and of those that wait

# The lease of one that runs and has none was let go: it waits to be taken over, or for its retry.
COUNT = """
SELECT now() AS at, count(*) FILTER (WHERE state = 'running') AS running,
    count(*) FILTER (WHERE state = 'queued') AS waiting,
    count(*) FILTER (WHERE state = 'queued' AND priority > 0) AS background,
    count(*) FILTER (WHERE state = 'running' AND lease_until < now() - interval '30 seconds')
        AS left_alone,
    coalesce(sum(tokens) FILTER (WHERE state = 'queued'), 0) AS waiting_tokens,
    extract(epoch FROM now() - min(created_at) FILTER (WHERE state = 'queued' AND priority = 0))
        AS longest_wait_seconds
FROM turns WHERE state IN ('queued', 'running')
"""
# Conversations are asked by index for each: joined, a few that run could read all there are.
_COLUMNS = """
SELECT turns.id, turns.state, channel, accounts.name AS account, kind,
    turns.created_at, turns.started_at, turns.shown_at, turns.attempt, turns.failures,
    turns.priority > 0 AS background, turns.worker, char_length(turns.reply) AS characters,
    turns.deadline_at
FROM turns CROSS JOIN LATERAL (
    SELECT account_id, kind FROM conversations WHERE id = turns.conversation_id OFFSET 0
) AS conversation
JOIN accounts ON accounts.id = account_id
"""
# Each state in full, since each has a partial index.
RUNNING = f"""{_COLUMNS}
WHERE turns.state = 'running' ORDER BY turns.started_at NULLS LAST, turns.id LIMIT %(limit)s
"""
WAITING = f"""{_COLUMNS}
WHERE turns.state = 'queued' AND turns.id > 0 ORDER BY turns.due_at, turns.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class LiveTurn:
    """Nothing that anybody wrote is in it."""

    id: int
    state: str
    channel: str
    account: str
    kind: str
    created_at: datetime
    started_at: datetime | None
    shown_at: datetime | None
    attempt: int
    failures: int
    background: bool
    worker: str | None
    characters: int
    deadline_at: datetime | None


@dataclass(frozen=True, slots=True)
class TurnsNow:
    """`left_alone`: they run, as it says, and nobody has held them for half a minute.
    `longest_wait_seconds`: of the questions that people wait for."""

    at: datetime  # on the database's clock
    running: int
    waiting: int
    background: int  # of those that wait
    left_alone: int
    waiting_tokens: int
    longest_wait_seconds: float | None
    running_turns: Sequence[LiveTurn]
    waiting_turns: Sequence[LiveTurn]


@dataclass(frozen=True, slots=True)
class LiveTurns:
    database: Database

    async def read(self) -> TurnsNow:
        """Raises StorageUnavailable."""
        (counts,) = await self.database.rows(COUNT)
        running = await self.database.rows(RUNNING, {"limit": SHOWN})
        waiting = await self.database.rows(WAITING, {"limit": SHOWN})
        longest = counts.longest_wait_seconds
        return TurnsNow(
            at=counts.at,
            running=counts.running,
            waiting=counts.waiting,
            background=counts.background,
            left_alone=counts.left_alone,
            waiting_tokens=int(counts.waiting_tokens),
            longest_wait_seconds=None if longest is None else float(longest),
            running_turns=_turns(running),
            waiting_turns=_turns(waiting),
        )


def _turns(rows: Sequence[Any]) -> Sequence[LiveTurn]:
    return [LiveTurn(**row._asdict()) for row in rows]
