"""Turns as an admin lists them: newest first, those that failed above all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import text

from assistant.database import Database
from assistant.messages import TurnState

Listed = Literal["failed", "running", "queued", "all"]

_SELECT = """
SELECT turns.id, state, coalesce(finished_at, started_at, turns.created_at) AS moment,
    channel, accounts.name AS account, chat_id, conversation_id, turns.person_id,
    coalesce(persons.name, '') AS person, attempt AS attempts, error_code, error, superseded_by
FROM turns
JOIN conversations ON conversations.id = turns.conversation_id
JOIN accounts ON accounts.id = conversations.account_id
LEFT JOIN persons ON persons.id = turns.person_id
"""
# Each state in full, since each has a partial index. A failure that was answered again is none.
NEWEST = {
    "failed": text(
        f"{_SELECT} WHERE state = 'failed' AND superseded_by IS NULL"
        " ORDER BY finished_at DESC LIMIT :limit"
    ),
    "running": text(f"{_SELECT} WHERE state = 'running' ORDER BY turns.id DESC LIMIT :limit"),
    "queued": text(f"{_SELECT} WHERE state = 'queued' ORDER BY turns.id DESC LIMIT :limit"),
    "all": text(f"{_SELECT} ORDER BY turns.id DESC LIMIT :limit"),
}
ONE = text(f"{_SELECT} WHERE turns.id = :turn")


@dataclass(frozen=True, slots=True)
class ListedTurn:
    """`moment` is when it ended, else began, else came; `error` is the sentence for the person."""

    id: int
    state: TurnState
    moment: datetime
    channel: str
    account: str
    chat_id: str
    conversation_id: int
    person_id: int | None
    person: str
    attempts: int
    error_code: str
    error: str
    superseded_by: int | None


@dataclass(frozen=True, slots=True)
class TurnList:
    database: Database

    async def newest(self, state: Listed, limit: int) -> Sequence[ListedTurn]:
        return [ListedTurn(**row) for row in await self._rows(NEWEST[state], limit=limit)]

    async def find(self, turn_id: int) -> ListedTurn | None:
        rows = await self._rows(ONE, turn=turn_id)
        return ListedTurn(**rows[0]) if rows else None

    async def _rows(self, statement: Any, **values: object) -> Sequence[Any]:
        async with self.database.connection() as connection:
            return (await connection.execute(statement, values)).mappings().all()
