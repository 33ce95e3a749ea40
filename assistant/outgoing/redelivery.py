"""Redelivery by an admin: an answer that is written and did not reach its chat is shown once more.

What stands there already is gone on with, as by any takeover. What was done is in the audit log, in
the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from assistant.errors import TurnNotFound
from assistant.storage.audit import Actor, note
from assistant.storage.database import Database, row, rows

MOST = 500  # in one transaction; who asks again gets the next

# One that failed is claimed anew; one that was put off is due now. An answer that is being shown,
# or that another replaced, is left alone.
_AGAIN = """
UPDATE deliveries SET error = '', lease_until = NULL, finished_at = NULL, created_at = now(),
    state = CASE WHEN deliveries.state <> 'failed' THEN deliveries.state
        WHEN turns.error_code = 'deleted' THEN 'removing' ELSE 'pending' END
FROM turns WHERE turns.id = turn_id AND superseded_by IS NULL
"""
AGAIN = f"""
{_AGAIN} AND turn_id = %(turn)s AND (deliveries.state = 'failed'
    OR deliveries.state IN ('pending', 'active', 'removing') AND deliveries.lease_owner IS NULL)
RETURNING turn_id
"""
AGAIN_ALL = f"""
{_AGAIN} AND turn_id IN (
    SELECT turn_id FROM deliveries WHERE state = 'failed'
    ORDER BY finished_at DESC LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING turn_id
"""
SETTLE = """
WITH before AS (
    SELECT turn_id, placeholders_left FROM deliveries
    WHERE turn_id = %(turn)s AND placeholders_left > 0 FOR UPDATE
)
UPDATE deliveries SET placeholders_left = 0 FROM before WHERE deliveries.turn_id = before.turn_id
RETURNING before.placeholders_left AS before
"""


@dataclass(frozen=True, slots=True)
class Redelivery:
    """Each gateway looks for what is due every two seconds."""

    database: Database

    async def one(self, actor: Actor, turn_id: int) -> None:
        """Raises TurnNotFound where there is nothing to show again."""
        async with self.database.transaction() as connection:
            if await row(connection, AGAIN, {"turn": turn_id}) is None:
                raise TurnNotFound("This answer is just being shown, or it stands there already.")
            await note(connection, actor, "delivery.again", f"turn:{turn_id}")

    async def all(self, actor: Actor) -> int:
        """Every answer that could not be shown, at most MOST of them; returns how many."""
        async with self.database.transaction() as connection:
            again = await rows(connection, AGAIN_ALL, {"limit": MOST})
            if again:
                after = {"turns": len(again)}
                await note(connection, actor, "deliveries.again", "deliveries", None, after)
        return len(again)

    async def settle(self, actor: Actor, turn_id: int) -> None:
        """Somebody looked: no empty message of this reply stands there, or none any more.

        Raises TurnNotFound where none was in doubt.
        """
        async with self.database.transaction() as connection:
            found = await row(connection, SETTLE, {"turn": turn_id})
            if found is None:
                raise TurnNotFound("Nothing is in doubt about this answer any more.")
            values = ({"placeholders_left": left} for left in (found.before, 0))
            await note(connection, actor, "delivery.settled", f"turn:{turn_id}", *values)
