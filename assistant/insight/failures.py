"""Turns that failed and wait for somebody: the newest first, by their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from assistant.messages import ChatKind
from assistant.storage.database import Database

LOOKED_AT = 1000  # of the newest failures, for the counts by error

# One that was answered again is none; experiments of admins are theirs to look at.
_OPEN = "turns.state = 'failed' AND superseded_by IS NULL"
NEWEST = f"""
SELECT turns.id, finished_at, turns.created_at, error_code, error, attempt AS attempts,
    coalesce(worker, '') AS worker, conversation_id, channel, accounts.name AS account, kind,
    chat_id, person_id, coalesce(persons.name, '') AS person
FROM turns JOIN conversations ON conversations.id = conversation_id
JOIN accounts ON accounts.id = conversations.account_id
LEFT JOIN persons ON persons.id = turns.person_id
WHERE {_OPEN} AND channel <> 'admin'
    AND (%(code)s = '' OR error_code = %(code)s)
    AND finished_at <= coalesce(CAST(%(until)s AS timestamptz), now())
    AND (finished_at < coalesce(CAST(%(until)s AS timestamptz), now()) OR turns.id < %(before)s)
ORDER BY finished_at DESC, turns.id DESC LIMIT %(limit)s
"""
BY_CODE = f"""
SELECT error_code AS code, count(*) AS turns FROM (
    SELECT error_code FROM turns
    WHERE {_OPEN} AND NOT EXISTS (SELECT FROM experiments WHERE turn_id = turns.id)
    ORDER BY finished_at DESC LIMIT %(limit)s) AS newest
GROUP BY error_code ORDER BY turns DESC, code
"""


@dataclass(frozen=True, slots=True)
class Failure:
    """`error` is the sentence that the person read."""

    id: int
    finished_at: datetime
    created_at: datetime
    error_code: str
    error: str
    attempts: int
    worker: str
    conversation_id: int
    channel: str
    account: str
    kind: ChatKind
    chat_id: str
    person_id: int | None
    person: str


@dataclass(frozen=True, slots=True)
class Failures:
    database: Database

    async def newest(
        self,
        limit: int,
        code: str = "",
        until: datetime | None = None,
        before: int = 2**62,
    ) -> Sequence[Failure]:
        """`until` and `before`: the end and the id of the last that the page before had."""
        values = {"limit": limit, "code": code, "until": until, "before": before}
        return [Failure(**row._asdict()) for row in await self.database.rows(NEWEST, values)]

    async def by_code(self) -> Mapping[str, int]:
        """How many failed of what, of the newest LOOKED_AT."""
        found = await self.database.rows(BY_CODE, {"limit": LOOKED_AT})
        return {row.code: row.turns for row in found}
