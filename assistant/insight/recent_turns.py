"""The newest turns with how long they took, among them the slowest: where a search for a slow
answer begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from assistant.messages import TurnState
from assistant.storage.database import Database

Order = Literal["newest", "slowest"]
AMONG = 1000  # the slowest are looked for among so many

# Of one conversation, or of all but what admins tried. A turn's text was first seen at `shown_at`.
_RECENT = """
WITH recent AS (
    SELECT id, {order} AS at, conversation_id, person_id, state, attempt, output_tokens,
        error_code, created_at, started_at,
        CAST(extract(epoch FROM shown_at - created_at) AS float8) AS first_seconds,
        CAST(extract(epoch FROM finished_at - created_at) AS float8) AS seconds
    FROM turns WHERE {where}
        -- Each by its key, whatever is thought of how many they are.
        AND NOT EXISTS (SELECT FROM experiments WHERE turn_id = turns.id OFFSET 0)
    ORDER BY {order} DESC, id DESC LIMIT %(among)s
)
SELECT shown.id, shown.conversation_id, state, channel, account,
    coalesce(person, '') AS person, shown.person_id, attempt AS attempts, output_tokens,
    error_code, shown.created_at,
    CAST(extract(epoch FROM shown.started_at - shown.created_at) AS float8) AS queued_seconds,
    first_seconds, seconds
FROM (
    SELECT * FROM recent
    ORDER BY CASE WHEN %(slowest)s THEN coalesce(seconds, 0) ELSE 0 END DESC, at DESC, id DESC
    LIMIT %(limit)s
) AS shown CROSS JOIN LATERAL (
    SELECT channel, accounts.name AS account FROM conversations
    JOIN accounts ON accounts.id = account_id
    WHERE conversations.id = shown.conversation_id OFFSET 0
) AS place LEFT JOIN LATERAL (
    SELECT name AS person FROM persons WHERE id = shown.person_id OFFSET 0
) AS who ON true
ORDER BY CASE WHEN %(slowest)s THEN coalesce(seconds, 0) ELSE 0 END DESC, at DESC, shown.id DESC
"""
RECENT = _RECENT.format(where="id < %(before)s", order="id")
# By the index of the places in a conversation; one that was asked again stands at the first's.
OF_CONVERSATION = _RECENT.format(
    where="""conversation_id = %(conversation)s AND (coalesce(place, id), id) < (
        coalesce((SELECT coalesce(place, id) FROM turns WHERE id = %(before)s), %(before)s),
        %(before)s)""",
    order="coalesce(place, id)",
)


@dataclass(frozen=True, slots=True)
class RecentTurn:
    """Spans are since the question came; None for what did not happen, or not yet."""

    id: int
    conversation_id: int
    state: TurnState
    channel: str
    account: str
    person: str
    person_id: int | None
    attempts: int
    output_tokens: int
    error_code: str
    created_at: datetime
    queued_seconds: float | None
    first_seconds: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class RecentTurns:
    database: Database

    async def listed(
        self, order: Order, limit: int, before: int, conversation: int | None = None
    ) -> Sequence[RecentTurn]:
        """`before`: those that stand behind this turn. Raises StorageUnavailable."""
        slowest = order == "slowest"
        values = {
            "before": before,
            "conversation": conversation,
            "among": AMONG if slowest else limit,
            "slowest": slowest,
            "limit": limit,
        }
        statement = RECENT if conversation is None else OF_CONVERSATION
        return [RecentTurn(**row._asdict()) for row in await self.database.rows(statement, values)]
