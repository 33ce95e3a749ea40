"""Erasing a conversation, or a person, with everything that is kept of them.

Of a conversation: messages, turns with their attempts and deliveries, events, and whoever wrote
only there, unless an admin has decided about them, or there are quotas and they used something this
month: by erasing nobody gets a new one. Of a person: their private conversations so; in
groups their messages, the turns that answer them alone, and of turns that answer them together with
others the reply, which repeats what it answers. What runs in such a group starts again, since its
prompt may hold their words. An event in a group tells nothing of who wrote, and is pruned in time.

Tables fall by their foreign keys, each of which cascades. A penalty that still lasts stays until
its end: it holds a chat's id, and sending into it would make it longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import structlog
from redis.asyncio import Redis

from assistant.answering.deltas import key
from assistant.messages import ChatRef
from assistant.outgoing.penalties import AccountKeys
from assistant.signals import LOST, REDIS_SECONDS, Signals
from assistant.storage.database import Connection, Database, rows
from assistant.storage.search_entries import enter, forget
from assistant.storage.tables.people import USAGE_COUNTS

log = structlog.get_logger()

ERASE_SECONDS = 300.0  # a long history falls row by row
SETTLE_SECONDS = 1.0  # a worker that is told to stop has written its last deltas by then

CONVERSATION_OF = """
SELECT conversations.id FROM conversations JOIN accounts ON accounts.id = account_id
WHERE channel = %(channel)s AND accounts.name = %(account)s
    AND chat_id = %(chat)s AND thread_id = %(thread)s
"""
# All threads of a private chat are one person's.
PRIVATE = """
SELECT conversations.id FROM conversations JOIN (
    SELECT account_id, chat_id FROM conversations WHERE kind = 'private' AND (
        id IN (SELECT conversation_id FROM messages WHERE identity_id = ANY(%(identities)s))
        OR id IN (SELECT conversation_id FROM turns WHERE person_id = %(person)s))
    UNION SELECT account_id, platform_id FROM identities WHERE id = ANY(%(identities)s)
) AS theirs USING (account_id, chat_id) WHERE kind = 'private'
"""
GROUPS = """
SELECT id FROM conversations WHERE kind = 'group' AND id IN (
    SELECT conversation_id FROM messages WHERE identity_id = ANY(%(identities)s))
"""
# In this order, which is the intake's: the conversation first, then who wrote.
LOCK_CONVERSATIONS = """
SELECT conversations.id, channel, accounts.name AS account, chat_id, thread_id
FROM conversations JOIN accounts ON accounts.id = account_id
WHERE conversations.id = ANY(%(conversations)s) ORDER BY conversations.id
FOR UPDATE OF conversations
"""
LOCK_IDENTITIES = "SELECT FROM identities WHERE id = ANY(%(identities)s) ORDER BY id FOR UPDATE"
IDENTITIES = "SELECT id FROM identities WHERE person_id = %(person)s"
NO_INSTALLER = """
UPDATE installs SET installed_by = '' FROM identities
WHERE identities.id = ANY(%(identities)s) AND identities.account_id = installs.account_id
    AND platform_id = installed_by
"""
NO_LONGER_LISTED = """
DELETE FROM allowlist USING identities WHERE identities.id = ANY(%(identities)s)
    AND identities.account_id = allowlist.account_id AND platform_id = entry
"""

TURNS = "SELECT id, attempt, state FROM turns WHERE conversation_id = ANY(%(conversations)s)"
ONLY_THERE = """
SELECT id, person_id FROM identities
WHERE access = 'pending' AND pairing_code IS NULL AND id IN (
    SELECT identity_id FROM messages WHERE conversation_id = ANY(%(conversations)s))
AND NOT EXISTS (SELECT FROM messages
    WHERE identity_id = identities.id AND conversation_id <> ALL(%(conversations)s))
AND NOT (EXISTS (SELECT FROM quotas) AND EXISTS (SELECT FROM usage_days
    WHERE usage_days.person_id = identities.person_id
        AND day >= date_trunc('month', now() AT TIME ZONE 'UTC')))
"""
# Of a group whose last conversation goes: what its people used stays theirs, without the group.
_GROUP_GOES = """NOT EXISTS (SELECT FROM conversations AS kept
        WHERE kept.account_id = chats.account_id AND kept.chat_id = chats.chat_id
            AND kept.id <> ALL(%(conversations)s))"""
_CHATS = """
    SELECT account_id, channel, accounts.name AS account, chat_id, thread_id
    FROM conversations JOIN accounts ON accounts.id = account_id
    WHERE conversations.id = ANY(%(conversations)s)
"""
ERASE_CONVERSATIONS = (
    f"DELETE FROM events USING ({_CHATS}) AS chats WHERE events.account_id = chats.account_id"
    " AND events.chat_id = chats.chat_id AND events.thread_id = chats.thread_id",
    f"DELETE FROM penalties USING ({_CHATS}) AS chats WHERE until <= now()"
    " AND penalties.account_id = chats.account_id AND penalties.chat_id = chats.chat_id",
    f"DELETE FROM leases USING ({_CHATS}) AS chats"
    " WHERE leases.name = concat_ws(':', 'chat', channel, account, chat_id)",
    f"""
    WITH gone AS (
        DELETE FROM usage_days USING (SELECT DISTINCT account_id, chat_id FROM ({_CHATS}) AS all_of)
            AS chats
        WHERE usage_days.account_id = chats.account_id AND chat = chats.chat_id AND chat <> ''
            AND {_GROUP_GOES}
        RETURNING usage_days.*
    )
    INSERT INTO usage_days AS known (day, account_id, person_id, {", ".join(USAGE_COUNTS)})
    SELECT day, account_id, person_id, {", ".join(f"sum({one})" for one in USAGE_COUNTS)}
    FROM gone GROUP BY day, account_id, person_id
    ON CONFLICT (person_id, day, account_id, chat) DO UPDATE SET
        {", ".join(f"{one} = known.{one} + excluded.{one}" for one in USAGE_COUNTS)}
    """,
    f"DELETE FROM quotas USING ({_CHATS}) AS chats WHERE quotas.account_id = chats.account_id"
    f" AND quotas.chat = chats.chat_id AND quotas.chat <> '' AND {_GROUP_GOES}",
    "DELETE FROM conversations WHERE id = ANY(%(conversations)s)",
    "DELETE FROM identities WHERE id = ANY(%(identities)s)",
    "DELETE FROM persons WHERE id = ANY(%(persons)s)"
    " AND NOT EXISTS (SELECT FROM identities WHERE person_id = persons.id)",
)

_ANSWERS_THEM = """
    SELECT turn_id FROM turn_messages JOIN messages ON messages.id = message_id
    WHERE identity_id = ANY(%(identities)s)
"""
ANSWERS_THEM = f"SELECT id FROM turns WHERE id IN ({_ANSWERS_THEM})"
ERASE_ALONE = f"""
DELETE FROM turns WHERE id IN ({_ANSWERS_THEM}) AND NOT EXISTS (
    SELECT FROM turn_messages JOIN messages ON messages.id = message_id
    WHERE turn_id = turns.id AND (identity_id = ANY(%(identities)s)) IS NOT TRUE)
RETURNING id, attempt, state
"""
# A turn that starts again keeps its place before what waits, and takes in no further message.
EMPTY_SHARED = f"""
WITH touched AS (
    SELECT id, attempt, state FROM turns WHERE conversation_id = ANY(%(groups)s)
        AND (state IN ('queued', 'running') OR id IN ({_ANSWERS_THEM}))
    FOR UPDATE
)
UPDATE turns SET reply = '', reply_token_ids = '{{}}', error = '',
    prompt_messages = NULL, prompt_token_ids = NULL, lease_owner = NULL, lease_until = NULL,
    place = CASE touched.state WHEN 'running' THEN coalesce(place, turns.id) ELSE place END,
    state = CASE touched.state WHEN 'running' THEN 'queued' ELSE touched.state END
FROM touched WHERE turns.id = touched.id RETURNING turns.id, touched.attempt, touched.state
"""
# Some platforms' message ids tell who wrote.
ANSWER_OTHERS = f"""
UPDATE deliveries SET reply_to = coalesce((
    SELECT platform_message_id FROM turn_messages JOIN messages ON messages.id = message_id
    WHERE turn_id = deliveries.turn_id AND (identity_id = ANY(%(identities)s)) IS NOT TRUE
    ORDER BY messages.id DESC LIMIT 1), '')
WHERE turn_id IN ({_ANSWERS_THEM}) AND reply_to IN (
    SELECT platform_message_id FROM messages WHERE identity_id = ANY(%(identities)s))
"""
# They repeat what was said in the group, whoever said it.
ERASE_EXPERIMENTS = "DELETE FROM conversations WHERE experiment_on = ANY(%(groups)s)"
ERASE_MESSAGES = "DELETE FROM messages WHERE identity_id = ANY(%(identities)s)"


# Looks on, in the transaction in which all is erased: before it, and after it. What it raises
# leaves all as it was.
Witness = Callable[[Connection], AbstractAsyncContextManager[object]]


def nobody(_: Connection) -> AbstractAsyncContextManager[object]:
    return nullcontext()


@dataclass(slots=True)
class _Gone:
    """What Redis and the workers must be told: turns, those that ran, and chats."""

    chats: list[Any] = field(default_factory=list)
    erased: list[Any] = field(default_factory=list)
    emptied: list[Any] = field(default_factory=list)

    @property
    def turns(self) -> list[Any]:
        return [*self.erased, *self.emptied]

    @property
    def running(self) -> list[Any]:
        return [turn for turn in self.turns if turn.state == "running"]


@dataclass(frozen=True, slots=True)
class Erasure:
    """Without `redis`, what it still holds of last replies expires by itself (`EXPIRE_SECONDS`)."""

    database: Database
    redis: Redis | None

    async def conversation(self, which: int | ChatRef, witness: Witness = nobody) -> bool:
        """False when there is no such conversation. Raises StorageUnavailable: all is as it was."""
        gone = _Gone()
        async with (
            self.database.transaction(ERASE_SECONDS) as connection,
            witness(connection),
        ):
            found = [which] if isinstance(which, int) else await _ids(connection, which)
            await _erase_conversations(connection, found, gone)
        await self._tell(gone)
        return bool(gone.chats)

    async def person(self, person_id: int, witness: Witness = nobody) -> bool:
        """False when there is no such person. Raises StorageUnavailable: all is as it was."""
        gone = _Gone()
        async with (
            self.database.transaction(ERASE_SECONDS) as connection,
            witness(connection),
        ):
            known = await _erase_person(connection, person_id, gone)
        await self._tell(gone)
        return known

    async def _tell(self, gone: _Gone) -> None:
        """Postgres has forgotten; now who runs it, and Redis."""
        log.info("erased", conversations=len(gone.chats), turns=len(gone.erased))
        if self.redis is None:
            return
        signals = Signals(self.redis)
        for turn in gone.running:
            await signals.abandon(turn.id, turn.attempt)
        for turn in gone.emptied:
            if turn.state in ("queued", "running"):
                await signals.wake_worker(turn.id)
        await self._clear(self.redis, gone)
        if gone.running:
            await asyncio.sleep(SETTLE_SECONDS)
            await self._clear(self.redis, gone)

    async def _clear(self, redis: Redis, gone: _Gone) -> None:
        """The streams of the turns, and what paces the chats."""
        try:
            async with (
                asyncio.timeout(REDIS_SECONDS),
                redis.pipeline(transaction=False) as pipeline,
            ):
                for turn in gone.turns:
                    pipeline.unlink(key(turn.id))
                for chat in gone.chats:
                    keys = AccountKeys(chat.channel, chat.account)
                    names = (chat.chat_id, f"{chat.chat_id}:{chat.thread_id}")
                    pipeline.unlink(*map(keys.chat, names))
                    meters = [*map(keys.queues, await keys.meters(redis))]
                    for one in (*chain(*meters), keys.strikes):
                        pipeline.zrem(one, *names)
                await pipeline.execute()
        except LOST as error:
            log.warning("redis_not_cleared", error=type(error).__name__)


async def _ids(connection: Connection, chat: ChatRef) -> list[int]:
    values = {
        "channel": chat.channel,
        "account": chat.account,
        "chat": chat.chat_id,
        "thread": chat.thread_id,
    }
    return [row.id for row in await rows(connection, CONVERSATION_OF, values)]


async def _erase_conversations(
    connection: Connection, conversations: Sequence[int], gone: _Gone
) -> None:
    values: dict[str, Any] = {"conversations": list(conversations)}
    gone.chats += await rows(connection, LOCK_CONVERSATIONS, values)
    turns = await rows(connection, TURNS, values)
    await forget(connection, [turn.id for turn in turns])
    gone.erased += turns
    writers = await rows(connection, ONLY_THERE, values)
    values["identities"] = [one.id for one in writers]
    values["persons"] = [one.person_id for one in writers]
    for statement in ERASE_CONVERSATIONS:
        await rows(connection, statement, values)


async def _erase_person(connection: Connection, person_id: int, gone: _Gone) -> bool:
    values: dict[str, Any] = {"person": person_id, "persons": [person_id]}
    values["identities"] = await _column(connection, IDENTITIES, values)
    await _find(connection, values)
    await rows(connection, LOCK_CONVERSATIONS, {"conversations": values["locked"]})
    await rows(connection, LOCK_IDENTITIES, values)
    await _find(connection, values)  # what was said while we waited
    await rows(connection, NO_INSTALLER, values)
    await rows(connection, NO_LONGER_LISTED, values)
    await forget(connection, await _column(connection, ANSWERS_THEM, values))
    gone.erased += await rows(connection, ERASE_ALONE, values)
    emptied = await rows(connection, EMPTY_SHARED, values)
    await rows(connection, ERASE_EXPERIMENTS, values)
    await rows(connection, ANSWER_OTHERS, values)
    await rows(connection, ERASE_MESSAGES, values)
    await enter(connection, [turn.id for turn in emptied])  # what the others asked
    gone.emptied += emptied
    await _erase_conversations(connection, values["private"], gone)
    await rows(connection, "DELETE FROM identities WHERE person_id = %(person)s", values)
    deleted = "DELETE FROM persons WHERE id = %(person)s RETURNING id"
    # The last conversation may have taken the person with it.
    return bool(await rows(connection, deleted, values)) or bool(values["identities"])


async def _find(connection: Connection, values: dict[str, Any]) -> None:
    values["private"] = await _column(connection, PRIVATE, values)
    values["groups"] = await _column(connection, GROUPS, values)
    values["locked"] = [*values["private"], *values["groups"]]


async def _column(connection: Connection, statement: str, values: Mapping[str, Any]) -> list[int]:
    return [row.id for row in await rows(connection, statement, values)]
