"""Control: what a person does to answers that run or are there. By order, by button, by event."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assistant.accounts import Accounts
from assistant.answering.revisions import Revised, Revisions
from assistant.answering.stopping import Stopping
from assistant.incoming import admittance
from assistant.incoming.intake import Intake
from assistant.incoming.presence import live_turns
from assistant.messages import ChatRef, Command
from assistant.outgoing.delivery import Delivery
from assistant.signals import Signals
from assistant.storage.database import Database

END_SECONDS = 5.0  # a chat's next edit, and some
CONVERSATION = """
    SELECT conversations.id FROM conversations JOIN accounts ON accounts.id = account_id
    WHERE channel = %(channel)s AND accounts.name = %(account)s
        AND chat_id = %(chat)s AND thread_id = %(thread)s
"""
# An order that comes again is not about what came after it.
LIVE_TURNS = f"""
SELECT id FROM turns
WHERE state IN ('running', 'queued') AND conversation_id = ({CONVERSATION})
    AND created_at <= coalesce(CAST(%(until)s AS timestamptz), now())
"""
NEW = f"""
UPDATE conversations SET starts_after = greatest(starts_after, (
    SELECT id FROM messages WHERE conversation_id = conversations.id
        AND created_at <= coalesce(CAST(%(until)s AS timestamptz), now())
    ORDER BY id DESC LIMIT 1))
WHERE id = ({CONVERSATION}) RETURNING id
"""
# The newest of those in the last place, also one that is superseded: then it was asked again
# already, and an order that comes twice must not take the place before it.
LAST = f"""
SELECT turns.id, state, superseded_by FROM turns
JOIN conversations ON conversations.id = conversation_id
WHERE conversation_id = ({CONVERSATION})
    AND turns.created_at <= coalesce(CAST(%(until)s AS timestamptz), now())
    AND EXISTS (SELECT FROM turn_messages JOIN messages ON messages.id = message_id
        WHERE turn_id = turns.id AND deleted_at IS NULL AND messages.id > starts_after)
ORDER BY coalesce(place, turns.id) DESC, turns.id DESC LIMIT 1
"""
# Which message it is about: itself, with the album that it is a part of, or what was asked where it
# is an answer of ours, in whichever thread of the chat. An answer is looked for among the last few
# hundred; one that was left behind in a chat that moved has a number that means another message
# here.
ABOUT = """
WITH here AS (
    SELECT conversations.id, account_id FROM conversations
    JOIN accounts ON accounts.id = account_id
    WHERE channel = %(channel)s AND accounts.name = %(account)s AND chat_id = %(chat)s
), recent AS (
    SELECT id FROM turns WHERE conversation_id IN (SELECT id FROM here)
    ORDER BY coalesce(place, id) DESC LIMIT 500
), answered AS (
    SELECT id FROM recent WHERE EXISTS (
        SELECT FROM delivery_intents
        WHERE turn_id = recent.id AND platform_message_id = %(message)s
            AND kind IN ('placeholder', 'overflow') AND state = 'sent')
), meant AS (
    SELECT message_id AS id FROM turn_messages JOIN answered ON turn_id = answered.id
    UNION SELECT id FROM messages
    WHERE conversation_id IN (SELECT id FROM here) AND messages.chat_id = %(chat)s
        AND account_id IN (SELECT account_id FROM here)
        AND platform_message_id = %(message)s
), whole AS (
    SELECT id FROM meant
    UNION SELECT parts.id FROM meant JOIN messages AS one ON one.id = meant.id
    JOIN messages AS parts ON parts.account_id = one.account_id
        AND parts.chat_id = one.chat_id AND parts.album = one.album AND parts.album <> ''
)
SELECT platform_message_id AS id, messages.chat_id, coalesce(platform_id, '') AS sender
FROM messages LEFT JOIN identities ON identities.id = identity_id
WHERE messages.id IN (SELECT id FROM whole) AND deleted_at IS NULL
"""
UNDER_WAY = """
SELECT FROM deliveries JOIN conversations ON conversations.id = conversation_id
JOIN accounts ON accounts.id = conversations.account_id
WHERE channel = %(channel)s AND accounts.name = %(account)s AND chat_id = %(chat)s
    AND deliveries.state IN ('pending', 'active', 'removing') LIMIT 1
"""
# What others in a group asked in the same turn is answered all the same.
LIVE_ALONE = f"""
{admittance.LIVE} AND NOT EXISTS (
    SELECT FROM turn_messages JOIN messages ON messages.id = message_id
    LEFT JOIN identities ON identities.id = identity_id
    WHERE turn_id = turns.id AND identities.person_id IS DISTINCT FROM %(person)s)
"""
PERSONS_UNDER_WAY = """
SELECT FROM deliveries JOIN turns ON turns.id = turn_id
WHERE person_id = %(person)s AND deliveries.state IN ('pending', 'active', 'removing') LIMIT 1
"""
# A chat's threads are conversations of their own.
CONVERSATIONS = """
SELECT conversations.id FROM conversations JOIN accounts ON accounts.id = account_id
WHERE channel = %(channel)s AND accounts.name = %(account)s AND chat_id = %(chat)s
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A message, by the platform's ids of it and of who wrote it. In a chat that moved, an elder
    one still has the chat that it was written in."""

    chat_id: str
    message_id: str
    sender_id: str


@dataclass(frozen=True, slots=True)
class Control:
    database: Database
    accounts: Accounts
    intake: Intake
    revisions: Revisions
    signals: Signals
    stopping: Stopping
    delivery: Delivery

    async def stop(self, turn_id: int) -> bool:
        """False if it had ended before."""
        return await self.stopping.stop(turn_id)

    async def stop_chat(self, chat: ChatRef, until: datetime | None) -> bool:
        """Stop all that was asked here until then; False where there was nothing to stop."""
        live = await self._rows(LIVE_TURNS, chat, until=until)
        return any([await self.stop(row.id) for row in live])

    async def end_all(self, chat: ChatRef) -> None:
        """Stop all that runs in a chat, in all threads, and wait until that is shown there."""
        await self._end(await live_turns(self.database, chat), UNDER_WAY, place(chat))

    async def end_all_of(self, person_id: int) -> None:
        """Stop all that answers a person alone, wherever, and wait until that is shown."""
        values = {"person": person_id}
        live = await self.database.rows(LIVE_ALONE, values)
        await self._end([row.id for row in live], PERSONS_UNDER_WAY, values)

    async def _end(
        self, turns: Sequence[int], under_way: str, values: Mapping[str, object]
    ) -> None:
        for turn_id in turns:
            await self.stop(turn_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                while await self.database.rows(under_way, values):  # noqa: ASYNC110  another may show it
                    await asyncio.sleep(0.1)

    async def begin_anew(self, chat: ChatRef, until: datetime | None) -> None:
        """A new conversation: what was said until then is no part of the next prompt."""
        await self.stop_chat(chat, until)
        await self._rows(NEW, chat, until=until)

    async def retry_last(self, chat: ChatRef, until: datetime | None) -> bool | None:
        """Answer the last question again. False while it is being answered, None for none."""
        found = await self._rows(LAST, chat, until=until)
        if not found:
            return None
        last = found[0]
        if last.superseded_by is not None:
            return True
        if last.state in ("queued", "running"):
            return False
        return await self.retry(last.id) is not None

    async def retry(self, turn_id: int) -> int | None:
        """Answer again, in the same place; the new turn's id, None for a turn that is not over."""
        revised = await self.revisions.retry(turn_id)
        await self.revise(revised)
        return revised.turn_id

    async def erase(self, chat: ChatRef, message_id: str) -> None:
        """Forget a message and what answers it alone; in a private chat also one that comes yet."""
        if chat.kind == "private":
            account = self.accounts.get(chat.channel, chat.account)
            await self.intake.bury(account.id, chat, message_id)
        for revised in await self.revisions.delete(chat, message_id):
            await self.revise(revised)

    async def asked(self, chat: ChatRef, message_id: str) -> Sequence[Asked]:
        """The message itself and its album, or what was asked where it is an answer of ours."""
        found = await self._rows(ABOUT, chat, message=message_id)
        return [Asked(row.chat_id, row.id, row.sender) for row in found]

    async def conversations(self, chat: ChatRef) -> Sequence[int]:
        """The ids of all that took place in this chat."""
        return [row.id for row in await self._rows(CONVERSATIONS, chat)]

    async def first_came(self, command: Command) -> datetime | None:
        """When this order first came: what came after it is not meant."""
        account = self.accounts.get(command.chat.channel, command.chat.account)
        return await self.intake.first_came(account.id, command.chat, command.message_id)

    async def revise(self, revised: Revised) -> None:
        """Let know who is at it: the worker of the former turn, and one for the new."""
        if revised.ended is not None:
            await self.signals.abandon(*revised.ended)
        if revised.turn_id is not None:
            await self.signals.wake_worker(revised.turn_id)
        self.delivery.look()

    async def _rows(self, statement: str, chat: ChatRef, **values: object) -> Sequence[Any]:
        return await self.database.rows(statement, {**place(chat), **values})


def place(chat: ChatRef) -> dict[str, object]:
    """The values of CONVERSATION."""
    return {
        "channel": chat.channel,
        "account": chat.account,
        "chat": chat.chat_id,
        "thread": chat.thread_id,
    }
