"""Retries by an admin: one turn that failed answered again, or all that did.

Each is answered in its own place, as a person's retry is. Many at once are background work: people
who ask meanwhile go first. What was done is in the audit log, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.answering.revisions import (
    HOLD_DELIVERIES_OF_TURN,
    HOLD_OF_TURN,
    RETRY,
    replacing,
    revised,
)
from assistant.answering.turns import STOP
from assistant.errors import TurnNotFound
from assistant.fair import BACKGROUND, BACKGROUND_WORK, CLOCK
from assistant.signals import Signals
from assistant.storage.audit import Actor, note
from assistant.storage.database import Connection, Database, row, rows
from assistant.storage.search_entries import forget

MOST = 500  # in one transaction; who asks again gets the next

# The newest first: who asked last is the likeliest to wait still. Nobody waits for an experiment.
FAILED = """
SELECT id FROM turns WHERE state = 'failed' AND superseded_by IS NULL
    AND (%(code)s = '' OR error_code = %(code)s)
    AND NOT EXISTS (SELECT FROM experiments WHERE turn_id = turns.id)
ORDER BY finished_at DESC LIMIT %(limit)s
"""
# In the order of their ids, as whoever else locks several.
HOLD_ALL = """
SELECT FROM conversations
WHERE id = ANY(ARRAY(SELECT conversation_id FROM turns WHERE id = ANY(%(turns)s)))
ORDER BY id FOR NO KEY UPDATE
"""
HOLD_ALL_DELIVERIES = """
SELECT FROM deliveries
WHERE conversation_id = ANY(ARRAY(SELECT conversation_id FROM turns WHERE id = ANY(%(turns)s)))
    AND state IN ('pending', 'active', 'removing') ORDER BY turn_id FOR NO KEY UPDATE
"""
AGAIN_ALL = f"""
WITH answering AS (
    SELECT id FROM turns WHERE id = ANY(%(turns)s) AND state = 'failed'
        AND EXISTS (SELECT FROM turn_messages JOIN messages ON messages.id = message_id
            WHERE turn_id = turns.id AND deleted_at IS NULL)
),
{replacing(f"{CLOCK} + make_interval(secs => {BACKGROUND})", str(BACKGROUND_WORK))}
"""


@dataclass(frozen=True, slots=True)
class Retried:
    """How many are answered again, and whether more wait for the same."""

    turns: int
    more: bool


@dataclass(frozen=True, slots=True)
class Retries:
    database: Database
    signals: Signals

    async def one(self, actor: Actor, turn_id: int) -> int:
        """The turn that answers again. Raises TurnNotFound, in words, where it can't be."""
        values = {"turn": turn_id}
        async with self.database.transaction() as connection:
            for hold in (HOLD_OF_TURN, HOLD_DELIVERIES_OF_TURN):
                await rows(connection, hold, values)
            again = (await revised(connection, RETRY, values)).turn_id
            if again is None:
                raise TurnNotFound(await _why_not(connection, turn_id))
            await note(connection, actor, "turn.retried", f"turn:{turn_id}", None, {"as": again})
        await self.signals.wake_worker(again)
        return again

    async def all(self, actor: Actor, code: str = "") -> Retried:
        """Every turn that failed, or with this error alone; at most MOST of them."""
        values = {"code": code, "limit": MOST + 1}
        async with self.database.transaction() as connection:
            failed = [one.id for one in await rows(connection, FAILED, values)]
            again = await _again(connection, failed[:MOST])
            if again:
                after = {"turns": len(again), "code": code}
                await note(connection, actor, "turns.retried", "turns", None, after)
        for _ in again[:1]:  # whoever wakes claims as many as they have room for
            await self.signals.wake_worker(again[0])
        return Retried(len(again), more=len(failed) > MOST)

    async def stop(self, actor: Actor, turn_id: int) -> None:
        """End a turn that waits or runs; what was said of it stays. Raises TurnNotFound.

        Who follows it learns of its end within a second or two.
        """
        async with self.database.transaction() as connection:
            stopped = await row(connection, STOP, {"turn": turn_id})
            if stopped is None:
                raise TurnNotFound("It is over already: there is nothing to stop.")
            await note(connection, actor, "turn.stopped", f"turn:{turn_id}", None, None)
        if stopped.state == "running":
            await self.signals.stop_turn(turn_id)


async def _again(connection: Connection, turns: Sequence[int]) -> Sequence[int]:
    values = {"turns": list(turns)}
    if not turns:
        return []
    for hold in (HOLD_ALL, HOLD_ALL_DELIVERIES):
        await rows(connection, hold, values)
    again = await rows(connection, AGAIN_ALL, values)
    await forget(connection, [one.old for one in again])
    return [one.id for one in again]


_STATE = "SELECT state, superseded_by FROM turns WHERE id = %(turn)s"


async def _why_not(connection: Connection, turn_id: int) -> str:
    found = await row(connection, _STATE, {"turn": turn_id})
    if found is None:
        return "There is no such turn: it may have been erased."
    if found.superseded_by is not None:
        return f"It was answered again already: it is turn {found.superseded_by} now."
    if found.state in ("queued", "running"):
        return "It is not over yet: it gets its answer without a retry."
    return "Its question was deleted, so there is nothing to answer."
