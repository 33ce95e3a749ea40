"""The queue as an admin sees it: what runs, and what waits, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from assistant.messages import ChatKind
from assistant.storage.database import Database

_SELECT = """
SELECT turns.id, turns.state, turns.created_at, started_at, deadline_at, stop_requested, priority,
    attempt, coalesce(worker, '') AS worker, lease_owner IS NOT NULL AS attended, tokens,
    char_length(reply) AS characters, conversation_id, channel, accounts.name AS account, kind,
    chat_id, person_id, coalesce(persons.name, '') AS person,
    extract(epoch FROM now() - turns.created_at)::float8 AS age_seconds
FROM turns JOIN conversations ON conversations.id = conversation_id
JOIN accounts ON accounts.id = conversations.account_id
LEFT JOIN persons ON persons.id = turns.person_id
"""
# Each by its partial index.
RUNNING = f"{_SELECT} WHERE turns.state = 'running' ORDER BY turns.id LIMIT %(limit)s"
WAITING = f"""
{_SELECT} WHERE turns.state = 'queued' AND turns.id > 0 ORDER BY due_at, turns.id LIMIT %(limit)s
"""
SHARES = """
SELECT channel, accounts.name AS account, priority, count(*) AS turns, sum(tokens) AS tokens,
    extract(epoch FROM now() - min(turns.created_at))::float8 AS oldest_seconds
FROM turns JOIN conversations ON conversations.id = conversation_id
JOIN accounts ON accounts.id = conversations.account_id
WHERE turns.state = 'queued' AND turns.id > 0
GROUP BY channel, accounts.name, priority ORDER BY turns DESC, channel, accounts.name, priority
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
