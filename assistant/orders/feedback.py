"""Feedback: a person's thumb on an answer. Pressed again it is taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assistant.storage.database import Database

# A press that is delivered again is known by its event, and changes nothing.
GIVE = """
WITH event AS (
    INSERT INTO events (account_id, event_id, chat_id, thread_id)
    SELECT account_id, %(event)s, chat_id, thread_id FROM conversations
    WHERE id = (SELECT conversation_id FROM turns WHERE id = %(turn)s) AND %(event)s <> ''
    ON CONFLICT DO NOTHING RETURNING event_id
), fresh AS (
    SELECT persona, persona_version FROM turns
    WHERE id = %(turn)s AND (%(event)s = '' OR EXISTS (SELECT FROM event))
), withdrawn AS (
    DELETE FROM feedback WHERE turn_id = %(turn)s AND person_id = %(person)s
        AND value = %(value)s AND EXISTS (SELECT FROM fresh) RETURNING value
), given AS (
    INSERT INTO feedback (turn_id, person_id, value, persona, persona_version)
    SELECT %(turn)s, %(person)s, %(value)s, persona, persona_version FROM fresh
    WHERE NOT EXISTS (SELECT FROM withdrawn)
    ON CONFLICT (turn_id, person_id) DO UPDATE SET value = excluded.value, created_at = now()
    RETURNING value
)
SELECT EXISTS (SELECT FROM given) AS given, EXISTS (SELECT FROM withdrawn) AS withdrawn
"""


@dataclass(frozen=True, slots=True)
class Feedback:
    database: Database

    async def give(
        self, turn_id: int, person_id: int, value: int, event_id: str
    ) -> Literal["given", "withdrawn"] | None:
        """`value` is 1 or -1. None: the press had come before, or the turn is no more."""
        values = {"turn": turn_id, "person": person_id, "value": value, "event": event_id}
        (row,) = await self.database.rows(GIVE, values)
        if row.withdrawn:
            return "withdrawn"
        return "given" if row.given else None
