"""What the database says about the chats of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

FIND = """
SELECT turns.id, conversations.chat_id, turns.state, turns.reply, turns.superseded_by IS NOT NULL,
    coalesce(deliveries.state, ''), coalesce(deliveries.placeholders_left, 0),
    array(SELECT message_id FROM turn_messages WHERE turn_id = turns.id ORDER BY 1),
    array(SELECT platform_message_id FROM turn_messages JOIN messages ON messages.id = message_id
        WHERE turn_id = turns.id ORDER BY messages.id)
FROM turns JOIN conversations ON conversations.id = conversation_id
JOIN accounts ON accounts.id = conversations.account_id
LEFT JOIN deliveries ON deliveries.turn_id = turns.id
WHERE accounts.channel = %s AND chat_id = ANY(%s) ORDER BY turns.id
"""
ENDED = frozenset({"done", "stopped", "cancelled", "failed"})
DELIVERED = frozenset({"done", "removed", "failed"})


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """`arrivals` are our own numbers of its messages, in the order in which they were stored."""

    id: int
    chat: str
    state: str
    reply: str
    superseded: bool
    delivery: str
    placeholders_left: int
    arrivals: Sequence[int]
    message_ids: Sequence[str]

    @property
    def settled(self) -> bool:
        return self.state in ENDED and self.delivery in DELIVERED


async def records(url: str, channel: str, chats: Sequence[str]) -> Sequence[TurnRecord]:
    """Raises psycopg.OperationalError while the server is away."""
    async with await psycopg.AsyncConnection.connect(url, connect_timeout=2) as connection:
        rows = await (await connection.execute(FIND, [channel, list(chats)])).fetchall()
    return [TurnRecord(*row) for row in rows]
