"""Intake: event, message and turn in one statement, which is one transaction.

When `Intake.store` returns, the message is committed and the platform may be told "received".
Redeliveries (same event id) and twins (same message id) change nothing. A message that comes
while a turn of its conversation waits joins that turn.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg_pool import PoolTimeout

from assistant.database import STATEMENT_SECONDS, Database, raise_if_unreachable
from assistant.messages import Accepted, IncomingMessage, clean
from inference.api import ChatMessage, Sampling

# The turn is only made when the message is new; the conflict on the waiting turn's partial index
# is what makes a further message join it, also against a worker that is just claiming it.
STORE = """
WITH event AS (
    INSERT INTO events (account_id, event_id, chat_id)
    VALUES (%(account)s, %(event)s, %(chat)s)
    ON CONFLICT DO NOTHING RETURNING event_id
), conversation AS (
    INSERT INTO conversations (account_id, chat_id, thread_id, kind)
    SELECT %(account)s, %(chat)s, %(thread)s, %(kind)s FROM event
    ON CONFLICT (account_id, chat_id, thread_id) DO UPDATE SET last_message_at = now()
    RETURNING id
), known AS (
    SELECT id FROM identities WHERE account_id = %(account)s AND platform_id = %(sender)s
), person AS (
    INSERT INTO persons (name) SELECT %(sender_name)s FROM event
    WHERE NOT EXISTS (SELECT FROM known) RETURNING id
), identity AS (
    INSERT INTO identities (person_id, account_id, platform_id, name)
    SELECT id, %(account)s, %(sender)s, %(sender_name)s FROM person
    ON CONFLICT (account_id, platform_id) DO UPDATE SET name = excluded.name RETURNING id
), message AS (
    INSERT INTO messages
        (conversation_id, account_id, chat_id, platform_message_id, identity_id, text)
    SELECT conversation.id, %(account)s, %(chat)s, %(message)s,
           coalesce((SELECT id FROM known), (SELECT id FROM identity)), %(text)s
    FROM conversation
    ON CONFLICT (account_id, chat_id, platform_message_id) DO NOTHING
    RETURNING id, conversation_id
), turn AS (
    INSERT INTO turns (conversation_id) SELECT conversation_id FROM message
    ON CONFLICT (conversation_id) WHERE state = 'queued' DO UPDATE SET state = 'queued'
    RETURNING id, xmax <> 0 AS joined
), link AS (
    INSERT INTO turn_messages (turn_id, message_id) SELECT turn.id, message.id FROM turn, message
), delivery AS (
    INSERT INTO deliveries (turn_id, account_id, reply_to)
    SELECT id, %(account)s, %(message)s FROM turn WHERE %(delivered)s
    ON CONFLICT (turn_id) DO UPDATE SET reply_to = excluded.reply_to
)
SELECT id, joined FROM turn
"""

# A request of the public API: a conversation of its own, all messages given, never joined.
STORE_REQUEST = """
WITH conversation AS (
    INSERT INTO conversations (account_id, chat_id, kind)
    VALUES (%(account)s, %(chat)s, 'private') RETURNING id
), message AS (
    INSERT INTO messages (conversation_id, account_id, chat_id, platform_message_id, role, text)
    SELECT conversation.id, %(account)s, %(chat)s, given.position::text, given.role, given.text
    FROM conversation, jsonb_to_recordset(%(messages)s::jsonb)
        AS given (position int, role text, text text)
    ORDER BY given.position
    RETURNING id, conversation_id
), turn AS (
    INSERT INTO turns (conversation_id, sampling)
    SELECT id, %(sampling)s::jsonb FROM conversation RETURNING id
), link AS (
    INSERT INTO turn_messages (turn_id, message_id) SELECT turn.id, message.id FROM turn, message
)
SELECT id FROM turn
"""

KNOWN_TURN = """
SELECT max(link.turn_id) FROM messages
JOIN turn_messages link ON link.message_id = messages.id
WHERE account_id = %(account)s AND chat_id = %(chat)s AND platform_message_id = %(message)s
"""


@dataclass(frozen=True, slots=True)
class Intake:
    database: Database

    async def store(self, account_id: int, message: IncomingMessage, delivered: bool) -> Accepted:
        """Commit the message. `delivered` when a channel must be told to show the reply.

        Raises StorageUnavailable: nothing is stored and the platform must deliver again.
        """
        values = {
            "account": account_id,
            "event": message.event_id,
            "chat": message.chat.chat_id,
            "thread": message.chat.thread_id,
            "kind": message.chat.kind,
            "sender": message.sender_id,
            "sender_name": clean(message.sender_name),
            "message": message.message_id,
            "text": clean(message.text),
            "delivered": delivered,
        }
        row = await self._one(STORE, values)
        if row is None:
            known = await self._one(KNOWN_TURN, values)
            return Accepted(known[0] or 0 if known else 0, duplicate=True)
        return Accepted(row[0], joined=row[1])

    async def store_request(
        self, account_id: int, chat_id: str, given: Sequence[ChatMessage], sampling: Sampling
    ) -> Accepted:
        listed = [
            {"position": position, "role": message.role, "text": clean(message.content)}
            for position, message in enumerate(given)
        ]
        values = {
            "account": account_id,
            "chat": chat_id,
            "messages": json.dumps(listed),
            "sampling": json.dumps(asdict(sampling)),
        }
        row = await self._one(STORE_REQUEST, values)
        return Accepted(row[0] if row else 0)

    async def _one(self, statement: str, values: Mapping[str, object]) -> tuple[Any, ...] | None:
        try:
            async with (
                asyncio.timeout(STATEMENT_SECONDS),
                self.database.pool.connection() as connection,
            ):
                cursor = await connection.execute(statement.encode(), values, prepare=True)
                return await cursor.fetchone()
        except (psycopg.Error, PoolTimeout, OSError) as error:
            raise_if_unreachable(error)
            raise
