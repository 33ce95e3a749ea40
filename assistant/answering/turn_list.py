"""Turns as an admin lists them: newest first, those that failed above all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from assistant.messages import TurnState
from assistant.storage.database import Database

Listed = Literal["failed", "running", "queued", "all"]

_COLUMNS = """
SELECT turns.id, turns.state,
    coalesce(turns.finished_at, turns.started_at, turns.created_at) AS moment,
    channel, accounts.name AS account, chat_id, turns.conversation_id, turns.person_id,
    coalesce(persons.name, '') AS person, turns.attempt AS attempts,
    {error_code} AS error_code, turns.error, superseded_by, turns.priority, turns.worker,
    turns.prompt_tokens, turns.cached_tokens, turns.output_tokens
"""
_JOINED = """
JOIN conversations ON conversations.id = turns.conversation_id
JOIN accounts ON accounts.id = conversations.account_id
LEFT JOIN persons ON persons.id = turns.person_id
"""
_SELECT = f"{_COLUMNS.format(error_code='turns.error_code')} FROM turns {_JOINED}"
# An answer that is written, and could not be brought to its chat.
_UNDELIVERED = f"""
{_COLUMNS.format(error_code="'undelivered, ' || deliveries.error")}
FROM deliveries JOIN turns ON turns.id = turn_id {_JOINED}
WHERE deliveries.state = 'failed' AND turns.state <> 'failed' AND superseded_by IS NULL
ORDER BY deliveries.finished_at DESC LIMIT %(limit)s
"""
_FAILED = f"""
{_SELECT} WHERE turns.state = 'failed' AND superseded_by IS NULL
ORDER BY turns.finished_at DESC LIMIT %(limit)s
"""
# Each state in full, since each has a partial index. A failure that was answered again is none.
NEWEST = {
    "failed": f"({_FAILED}) UNION ALL ({_UNDELIVERED})"
    " ORDER BY moment DESC, id DESC LIMIT %(limit)s",
    "running": f"{_SELECT} WHERE turns.state = 'running' ORDER BY turns.id DESC LIMIT %(limit)s",
    "queued": f"{_SELECT} WHERE turns.state = 'queued' ORDER BY turns.id DESC LIMIT %(limit)s",
    "all": f"{_SELECT} ORDER BY turns.id DESC LIMIT %(limit)s",
}
ONE = f"{_SELECT} WHERE turns.id = %(turn)s"


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
    priority: int
    worker: str | None  # who claimed it last
    prompt_tokens: int
    cached_tokens: int  # of the prompt, that needed no prefill
    output_tokens: int


@dataclass(frozen=True, slots=True)
class TurnList:
    database: Database

    async def newest(self, state: Listed, limit: int) -> Sequence[ListedTurn]:
        return [ListedTurn(**row._asdict()) for row in await self._rows(NEWEST[state], limit=limit)]

    async def find(self, turn_id: int) -> ListedTurn | None:
        rows = await self._rows(ONE, turn=turn_id)
        return ListedTurn(**rows[0]._asdict()) if rows else None

    async def _rows(self, statement: str, **values: object) -> Sequence[Any]:
        return await self.database.rows(statement, values)
