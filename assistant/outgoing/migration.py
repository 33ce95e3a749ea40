"""A chat that the platform gave another id: its conversations go on there.

One transaction, under the chat's lock, so that any number of notices and failed calls move it once.
Where the new chat has a conversation already, the two become one; all is in the order in which it
came. Message ids mean another message in the new chat: stored messages keep the chat that they were
written in, and what of a reply stood in the old chat is left there and posted anew in the new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog
from redis.asyncio import Redis

from assistant.messages import ChatRef
from assistant.outgoing.penalties import AccountKeys, Penalties
from assistant.signals import LOST, Signals
from assistant.storage.database import Connection, Database, rows
from assistant.storage.tables.people import USAGE_COUNTS

log = structlog.get_logger()

MIGRATE_SECONDS = 60.0  # a group's whole history
RACES = 3

# In the order of the intake's and the revisions' locks.
HOLD = """
SELECT conversations.id, thread_id, chat_id = %(chat)s AS moves
FROM conversations JOIN accounts ON accounts.id = account_id
WHERE channel = %(channel)s AND accounts.name = %(account)s AND chat_id IN (%(chat)s, %(to)s)
ORDER BY conversations.id FOR UPDATE OF conversations
"""
# Whoever shows a reply in the old chat loses it, and it is claimed anew for the new chat.
LET_GO = """
UPDATE deliveries SET reply_to = '',
    attempt = attempt + (state IN ('pending', 'active', 'removing'))::int,
    lease_owner = NULL, lease_until = NULL
WHERE conversation_id = ANY(%(conversations)s)
"""
LEAVE_BEHIND = """
UPDATE delivery_intents SET state = 'failed', error = 'chat_moved' FROM deliveries
WHERE deliveries.turn_id = delivery_intents.turn_id
    AND conversation_id = ANY(%(conversations)s) AND kind IN ('placeholder', 'overflow')
    AND delivery_intents.state IN ('sending', 'sent', 'unknown')
"""
RENAME = "UPDATE conversations SET chat_id = %(to)s WHERE id = ANY(%(conversations)s)"
# Of two conversations that become one, the new chat's turns stand behind the old one's.
STAND_BEHIND = """
WITH live AS (
    SELECT id, attempt, state FROM turns
    WHERE conversation_id = %(into)s AND state IN ('queued', 'running') FOR UPDATE
)
UPDATE turns SET place = coalesce(place, turns.id), state = 'queued', reply = '',
    reply_token_ids = '{}', prompt_messages = NULL, prompt_token_ids = NULL, lease_owner = NULL,
    lease_until = NULL
FROM live WHERE turns.id = live.id RETURNING turns.id, live.attempt, live.state
"""
JOIN = (
    "UPDATE messages SET conversation_id = %(into)s WHERE conversation_id = %(id)s",
    "UPDATE turns SET conversation_id = %(into)s WHERE conversation_id = %(id)s",
    "UPDATE deliveries SET conversation_id = %(into)s WHERE conversation_id = %(id)s",
    "UPDATE search_entries SET conversation_id = %(into)s WHERE conversation_id = %(id)s",
    """
    UPDATE conversations AS kept SET created_at = left_behind.created_at,
        starts_after = greatest(kept.starts_after, left_behind.starts_after),
        persona = coalesce(nullif(kept.persona, ''), left_behind.persona),
        news = coalesce(kept.news, left_behind.news)
    FROM conversations AS left_behind
    WHERE kept.id = %(into)s AND left_behind.id = %(id)s
    """,
    "DELETE FROM conversations WHERE id = %(id)s",
)
# So that erasing the conversation finds its events.
MOVE_EVENTS = """
UPDATE events SET chat_id = %(to)s FROM accounts
WHERE accounts.id = account_id AND channel = %(channel)s AND name = %(account)s
    AND chat_id = %(chat)s
"""
# A group's own quota, and what it used so far. The new chat may have used something already.
MOVE_QUOTAS = """
UPDATE quotas SET chat = %(to)s, subject = 'chat:' || account_id || ':' || %(to)s FROM accounts
WHERE accounts.id = account_id AND channel = %(channel)s AND name = %(account)s
    AND chat = %(chat)s AND NOT EXISTS (
        SELECT FROM quotas AS own WHERE own.account_id = quotas.account_id
            AND own.chat = %(to)s AND own.temporary = quotas.temporary)
"""
MOVE_USAGE = f"""
WITH moved AS (
    DELETE FROM usage_days USING accounts
    WHERE accounts.id = account_id AND channel = %(channel)s AND name = %(account)s
        AND chat = %(chat)s
    RETURNING usage_days.*
)
INSERT INTO usage_days AS known (day, account_id, person_id, chat, {", ".join(USAGE_COUNTS)})
SELECT day, account_id, person_id, %(to)s, {", ".join(USAGE_COUNTS)} FROM moved
ON CONFLICT (person_id, day, account_id, chat) DO UPDATE SET
    {", ".join(f"{one} = known.{one} + excluded.{one}" for one in USAGE_COUNTS)}
"""
MOVE_PENALTY = """
INSERT INTO penalties (account_id, chat_id, until)
SELECT account_id, %(to)s, until FROM penalties JOIN accounts ON accounts.id = account_id
WHERE channel = %(channel)s AND name = %(account)s AND chat_id = %(chat)s AND until > now()
ON CONFLICT (account_id, chat_id) DO UPDATE SET until = greatest(penalties.until, excluded.until)
RETURNING extract(epoch FROM until - now())::float AS seconds
"""


@dataclass(frozen=True, slots=True)
class Migration:
    database: Database
    redis: Redis

    async def move(self, chat: ChatRef, to_chat_id: str) -> bool:
        """Whether anything was there to move. Raises StorageUnavailable: all is as it was."""
        if chat.chat_id == to_chat_id:
            return False
        for _ in range(RACES):
            try:
                return await self._move(chat, to_chat_id)
            except psycopg.errors.UniqueViolation:  # the new chat's first message came meanwhile
                log.info("chat_moves_again", channel=chat.channel)
        return await self._move(chat, to_chat_id)

    async def _move(self, chat: ChatRef, to_chat_id: str) -> bool:
        values = {
            "channel": chat.channel,
            "account": chat.account,
            "chat": chat.chat_id,
            "to": to_chat_id,
        }
        async with self.database.transaction(MIGRATE_SECONDS) as connection:
            held = await rows(connection, HOLD, values)
            moving = [one for one in held if one.moves]
            if not moving:
                return False
            again = await _move(connection, held, values)
            for statement in (MOVE_QUOTAS, MOVE_USAGE):
                await rows(connection, statement, values)
            penalties = await rows(connection, MOVE_PENALTY, values)
        # Also for the admin, whose list of chats may name the old one.
        log.info("chat_moved", channel=chat.channel, chat=chat.chat_id, to=to_chat_id)
        await self._tell(AccountKeys(chat.channel, chat.account), to_chat_id, again, penalties)
        return True

    async def _tell(
        self, keys: AccountKeys, to_chat_id: str, again: Sequence[Any], penalties: Sequence[Any]
    ) -> None:
        """Postgres knows; now who runs a turn that starts again, and Redis."""
        signals = Signals(self.redis)
        for turn in again:
            if turn.state == "running":
                await signals.abandon(turn.id, turn.attempt)
            await signals.wake_worker(turn.id)
        try:
            for penalty in penalties:
                standing = Penalties(self.redis, self.database)
                await standing.close(keys, to_chat_id, penalty.seconds)
        except LOST:
            log.warning("penalty_not_in_redis", channel=keys.channel)


async def _move(
    connection: Connection, held: Sequence[Any], values: Mapping[str, object]
) -> Sequence[Any]:
    """Returns the turns that start again."""
    targets = {one.thread_id: one.id for one in held if not one.moves}
    moving = [one for one in held if one.moves]
    given = {**values, "conversations": [one.id for one in moving]}
    await rows(connection, LET_GO, given)
    await rows(connection, LEAVE_BEHIND, given)  # what was begun until then
    renamed = [one.id for one in moving if one.thread_id not in targets]
    await rows(connection, RENAME, {**values, "conversations": renamed})
    again: list[Any] = []
    for one in moving:
        if (into := targets.get(one.thread_id)) is not None:
            again += await _join(connection, one.id, into)
    await rows(connection, MOVE_EVENTS, values)
    return again


async def _join(connection: Connection, conversation: int, into: int) -> Sequence[Any]:
    given = {"id": conversation, "into": into}
    again = await rows(connection, STAND_BEHIND, given)
    for statement in JOIN:
        await rows(connection, statement, given)
    return again
