"""Answers that are not where they belong: not shown, put off, or in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from assistant.messages import ChatKind
from assistant.storage.database import Database

_SELECT = """
SELECT turn_id, deliveries.state, deliveries.error, deliveries.attempt, placeholders_left,
    deliveries.created_at, deliveries.finished_at, lease_until, turn_state,
    conversations.id AS conversation_id, channel, accounts.name AS account, kind, chat_id,
    person_id, coalesce(persons.name, '') AS person
"""
_JOINED = """
JOIN conversations ON conversations.id = deliveries.conversation_id
JOIN accounts ON accounts.id = deliveries.account_id
LEFT JOIN persons ON persons.id = person_id
"""


def _of(chosen: str, order: str) -> str:
    """Of the deliveries that are `chosen`, with their turns, in this order."""
    return f"""
WITH deliveries AS MATERIALIZED (
    SELECT deliveries.*, turns.state AS turn_state, person_id
    FROM deliveries JOIN turns ON turns.id = turn_id
    WHERE {chosen} AND superseded_by IS NULL ORDER BY {order} LIMIT %(limit)s
)
{_SELECT} FROM deliveries {_JOINED} ORDER BY {order.replace("deliveries.", "")}
"""


NOT_SHOWN = _of("deliveries.state = 'failed'", "deliveries.finished_at DESC")
PUT_OFF = _of(
    "deliveries.state IN ('pending', 'active', 'removing') AND deliveries.lease_owner IS NULL"
    " AND deliveries.error <> ''",
    "deliveries.lease_until",
)
# Their turn may be superseded: what stands there stands there.
IN_DOUBT = _of("placeholders_left > 0", "deliveries.turn_id DESC").replace(
    " AND superseded_by IS NULL", ""
)


@dataclass(frozen=True, slots=True)
class Undelivered:
    """`lease_until`: when it is tried again. `placeholders_left`: so many empty messages may stand
    in the chat, of posts whose answer never came."""

    turn_id: int
    state: str
    error: str
    attempt: int
    placeholders_left: int
    created_at: datetime
    finished_at: datetime | None
    lease_until: datetime | None
    turn_state: str
    conversation_id: int
    channel: str
    account: str
    kind: ChatKind
    chat_id: str
    person_id: int | None
    person: str


@dataclass(frozen=True, slots=True)
class UndeliveredSeen:
    not_shown: Sequence[Undelivered]
    put_off: Sequence[Undelivered]
    in_doubt: Sequence[Undelivered]


@dataclass(frozen=True, slots=True)
class UndeliveredInsight:
    database: Database

    async def seen(self, limit: int) -> UndeliveredSeen:
        """The newest so many of each."""
        not_shown, put_off, in_doubt = [
            [Undelivered(**row._asdict()) for row in await self.database.rows(one, values)]
            for one, values in ((one, {"limit": limit}) for one in (NOT_SHOWN, PUT_OFF, IN_DOUBT))
        ]
        return UndeliveredSeen(not_shown, put_off, in_doubt)
