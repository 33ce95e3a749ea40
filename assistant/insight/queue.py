"""The queue as an admin sees it: what runs, and what waits, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from assistant.messages import ChatKind
from assistant.storage.database import Database


def _of(chosen: str, order: str) -> str:
    """The first of those turns, in this order; what belongs to each is found by its key."""
    return f"""
WITH chosen AS MATERIALIZED (
    SELECT id, state, created_at, started_at, deadline_at, due_at, stop_requested, priority,
        attempt, worker, lease_owner, tokens, char_length(reply) AS characters, conversation_id,
        person_id
    FROM turns WHERE {chosen} ORDER BY {order} LIMIT %(limit)s
)
SELECT chosen.id, chosen.state, chosen.created_at, started_at, deadline_at, stop_requested,
    priority, attempt, coalesce(worker, '') AS worker, lease_owner IS NOT NULL AS attended, tokens,
    characters, conversation_id, channel, accounts.name AS account, kind, chat_id, person_id,
    coalesce((SELECT name FROM persons WHERE id = person_id), '') AS person,
    extract(epoch FROM now() - chosen.created_at)::float8 AS age_seconds
FROM chosen JOIN LATERAL (
    SELECT account_id, kind, chat_id FROM conversations
    WHERE conversations.id = conversation_id OFFSET 0) AS place ON true
JOIN accounts ON accounts.id = account_id ORDER BY {order.replace("id", "chosen.id")}
"""


# Each by its partial index.
RUNNING = _of("state = 'running'", "id")
WAITING = _of("state = 'queued' AND id > 0", "due_at, id")
SHARES = """
WITH waiting AS MATERIALIZED (
    SELECT priority, tokens, created_at, (
        SELECT account_id FROM conversations WHERE id = conversation_id) AS account_id
    FROM turns WHERE state = 'queued' AND id > 0
)
SELECT channel, name AS account, priority, count(*) AS turns, sum(tokens) AS tokens,
    extract(epoch FROM now() - min(waiting.created_at))::float8 AS oldest_seconds
FROM waiting JOIN accounts ON accounts.id = account_id
GROUP BY channel, name, priority ORDER BY turns DESC, channel, name, priority
"""


@dataclass(frozen=True, slots=True)
class QueuedTurn:
    """`attended`: a worker is at it just now; else it waits, or waits to be tried again."""

    id: int
    state: str
    created_at: datetime
    started_at: datetime | None
    deadline_at: datetime | None
    stop_requested: bool
    priority: int
    attempt: int
    worker: str
    attended: bool
    tokens: int  # of what was written, estimated
    characters: int  # of the reply so far
    conversation_id: int
    channel: str
    account: str
    kind: ChatKind
    chat_id: str
    person_id: int | None
    person: str
    age_seconds: float


@dataclass(frozen=True, slots=True)
class Share:
    """What waits of one account, of people (priority 0) or of background work (1)."""

    channel: str
    account: str
    priority: int
    turns: int
    tokens: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class QueueSeen:
    running: Sequence[QueuedTurn]
    waiting: Sequence[QueuedTurn]
    shares: Sequence[Share]

    @property
    def waiting_turns(self) -> int:
        return sum(one.turns for one in self.shares)


@dataclass(frozen=True, slots=True)
class QueueInsight:
    database: Database

    async def seen(self, limit: int) -> QueueSeen:
        """`limit` of those that run, and of those that wait; the shares are of all."""
        values = {"limit": limit}
        running = await self.database.rows(RUNNING, values)
        waiting = await self.database.rows(WAITING, values)
        shares = await self.database.rows(SHARES)
        return QueueSeen(
            [QueuedTurn(**row._asdict()) for row in running],
            [QueuedTurn(**row._asdict()) for row in waiting],
            [Share(**row._asdict()) for row in shares],
        )
