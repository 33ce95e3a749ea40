"""Revisions: what becomes of an answer when its question is edited, deleted or asked again.

An edited question is answered by a new turn that takes the old one's place in the conversation and
its messages on the platform; the old answer is superseded, not lost. A deleted question ends its
turn, and its answer is removed. Each is one transaction, so that nothing is half-done, and holds
the conversation as the intake does: no message joins a turn in the moment in which it is replaced.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from assistant.fair import CLOCK
from assistant.files.attachments import ATTACHED, values_of
from assistant.messages import ChatRef, IncomingMessage, clean
from assistant.storage.database import Connection, Database, row, rows
from assistant.storage.search_entries import enter, forget

_MESSAGE = """
    SELECT messages.id FROM messages JOIN accounts ON accounts.id = account_id
    WHERE channel = %(channel)s AND accounts.name = %(account)s
        AND chat_id = %(chat)s AND platform_message_id = %(message)s
"""
# Before all else, in a statement of its own: what follows sees all that was committed by then.
HOLD = f"""
SELECT FROM conversations WHERE id = (
    SELECT conversation_id FROM messages WHERE id = ({_MESSAGE})) FOR NO KEY UPDATE
"""
HOLD_OF_TURN = """
SELECT FROM conversations
WHERE id = (SELECT conversation_id FROM turns WHERE id = %(turn)s) FOR NO KEY UPDATE
"""
# Calls that are just begun are let through first, and known then; later ones are fenced.
HOLD_DELIVERIES = f"""
SELECT FROM deliveries WHERE conversation_id = (
    SELECT conversation_id FROM messages WHERE id = ({_MESSAGE}))
    AND state IN ('pending', 'active', 'removing') ORDER BY turn_id FOR NO KEY UPDATE
"""
# And so are the turns: whoever claims one in this moment has done so by the next statement, which
# then knows that it runs, and replaces it.
HOLD_TURNS = f"""
SELECT FROM turns WHERE conversation_id = (
    SELECT conversation_id FROM messages WHERE id = ({_MESSAGE}))
    AND state IN ('queued', 'running') ORDER BY id FOR NO KEY UPDATE
"""
HOLD_DELIVERIES_OF_TURN = """
SELECT FROM deliveries
WHERE conversation_id = (SELECT conversation_id FROM turns WHERE id = %(turn)s)
    AND state IN ('pending', 'active', 'removing') ORDER BY turn_id FOR NO KEY UPDATE
"""
_ANSWERING = """
    SELECT turns.id FROM turns JOIN turn_messages ON turn_id = turns.id
    WHERE message_id = (SELECT id FROM changed) AND superseded_by IS NULL
    ORDER BY turns.id DESC LIMIT 1
"""


def replacing(due_at: str = f"greatest(due_at, {CLOCK})", priority: str = "priority") -> str:
    """The end of a statement, behind an `answering (id)`: new turns in the places of those. They
    stand at the head of the queue, as what began; each has as much time as the old one had."""
    return f"""
old AS (
    SELECT turns.id, conversation_id, person_id, coalesce(place, id) AS place, sampling, attempt,
        state, {priority} AS priority, tokens, {due_at} AS due_at,
        now() + (deadline_at - created_at) AS deadline_at
    FROM turns WHERE id IN (SELECT id FROM answering)
        AND superseded_by IS NULL AND state <> 'queued' FOR UPDATE
), made AS (
    INSERT INTO turns
        (conversation_id, person_id, place, due_at, sampling, priority, tokens, deadline_at)
    SELECT conversation_id, person_id, place, due_at, sampling, priority, tokens, deadline_at
    FROM old RETURNING id, place
), pair AS (
    -- Of all turns in one place, no more than one is not superseded.
    SELECT made.id AS fresh, old.id AS old, old.attempt, old.state FROM made JOIN old USING (place)
), replaced AS (
    UPDATE turns SET superseded_by = fresh, lease_owner = NULL, lease_until = NULL,
        state = CASE WHEN turns.state = 'running' THEN 'cancelled' ELSE turns.state END,
        error_code = CASE WHEN turns.state = 'running' THEN 'superseded' ELSE error_code END,
        prompt_messages = NULL, prompt_token_ids = NULL, reply_token_ids = '{{}}',
        finished_at = coalesce(finished_at, now())
    FROM pair WHERE turns.id = pair.old
), link AS (
    INSERT INTO turn_messages (turn_id, message_id)
    SELECT fresh, message_id FROM turn_messages JOIN pair ON turn_id = pair.old
), delivery AS (
    INSERT INTO deliveries (turn_id, account_id, conversation_id, reply_to)
    SELECT fresh, account_id, conversation_id, reply_to
    FROM deliveries JOIN pair ON turn_id = pair.old
), left_to_it AS (
    UPDATE deliveries SET attempt = deliveries.attempt + 1, lease_owner = NULL,
        lease_until = NULL, state = 'done', finished_at = coalesce(finished_at, now())
    FROM pair WHERE turn_id = pair.old
), shown AS (
    INSERT INTO delivery_intents (turn_id, position, kind, state, platform_message_id)
    SELECT fresh, position, kind, delivery_intents.state, platform_message_id
    FROM delivery_intents JOIN pair ON turn_id = pair.old
    WHERE kind IN ('placeholder', 'overflow') ORDER BY delivery_intents.id
)
SELECT fresh AS id, old, attempt, state FROM pair
"""


_REPLACE = replacing()

# An edit that comes again, perhaps after a newer one, is known by its event.
EDIT = f"""
WITH event AS (
    INSERT INTO events (account_id, event_id, chat_id, thread_id)
    SELECT account_id, %(event)s, chat_id, %(thread)s FROM messages WHERE id = ({_MESSAGE})
    ON CONFLICT DO NOTHING RETURNING event_id
), changed AS (
    UPDATE messages SET text = %(text)s, edited_at = now()
    WHERE id = ({_MESSAGE}) AND deleted_at IS NULL AND text <> %(text)s
        AND EXISTS (SELECT FROM event) RETURNING id
), answering AS ({_ANSWERING}),
{_REPLACE}
"""
# A further part of an album goes to the turn that answers another part, and is the same person's.
PART = f"""
WITH sibling AS (
    SELECT id, conversation_id, account_id, chat_id, identity_id
    FROM messages WHERE id = ({_MESSAGE})
), answering AS (
    SELECT turns.id, state FROM turns JOIN turn_messages ON turn_id = turns.id
    WHERE message_id = (SELECT id FROM sibling) AND superseded_by IS NULL
    ORDER BY turns.id DESC LIMIT 1 FOR NO KEY UPDATE OF turns
), event AS (
    INSERT INTO events (account_id, event_id, chat_id, thread_id)
    SELECT account_id, %(event)s, chat_id, %(thread)s FROM sibling, answering
    ON CONFLICT DO NOTHING RETURNING event_id
), message AS (
    INSERT INTO messages
        (conversation_id, account_id, chat_id, platform_message_id, identity_id, text, album)
    SELECT conversation_id, account_id, chat_id, %(part)s, identity_id, %(text)s, %(album)s
    FROM sibling, event
    ON CONFLICT (account_id, chat_id, platform_message_id) DO NOTHING
    RETURNING id
), link AS (
    INSERT INTO turn_messages (turn_id, message_id) SELECT answering.id, message.id
    FROM answering, message
){ATTACHED}
SELECT id, state, EXISTS (SELECT FROM message) AS stored FROM answering
"""
KNOWN = _MESSAGE
SIBLING = """
SELECT platform_message_id FROM messages JOIN accounts ON accounts.id = account_id
WHERE channel = %(channel)s AND accounts.name = %(account)s
    AND chat_id = %(chat)s AND album = %(album)s AND album <> '' AND deleted_at IS NULL
LIMIT 1
"""
AGAIN = f"""
WITH answering AS (SELECT CAST(%(turn)s AS bigint) AS id),
{_REPLACE}
"""
RETRY = f"""
WITH answering AS (
    SELECT id FROM turns WHERE id = %(turn)s AND state NOT IN ('queued', 'running')
        AND EXISTS (SELECT FROM turn_messages JOIN messages ON messages.id = message_id
            WHERE turn_id = turns.id AND deleted_at IS NULL)
),
{_REPLACE}
"""
# A turn with further messages is answered again without this one, unless the person stopped it.
DELETE = f"""
WITH changed AS (
    UPDATE messages SET deleted_at = now(), text = ''
    WHERE id = ({_MESSAGE}) AND deleted_at IS NULL RETURNING id
), files AS (
    DELETE FROM attachments USING changed WHERE message_id = changed.id
), answering AS (
    SELECT answering.id FROM ({_ANSWERING}) AS answering JOIN turns ON turns.id = answering.id
    WHERE turns.state <> 'stopped' AND NOT (turns.state = 'running' AND stop_requested) AND EXISTS (
        SELECT FROM turn_messages JOIN messages ON messages.id = message_id
        WHERE turn_id = answering.id AND deleted_at IS NULL
            AND messages.id <> (SELECT id FROM changed))
),
{_REPLACE}
"""
_TAKE_AWAY = """
    UPDATE deliveries SET state = 'removing', attempt = deliveries.attempt + 1,
        lease_owner = NULL, lease_until = NULL, finished_at = NULL, created_at = now()
"""
# Turns of which all messages are deleted: an answer repeats what it answers.
REMOVE = f"""
WITH gone AS (
    SELECT turn_id AS id FROM turn_messages
    WHERE message_id = ({_MESSAGE}) AND NOT EXISTS (
        SELECT FROM turn_messages AS other JOIN messages ON messages.id = other.message_id
        WHERE other.turn_id = turn_messages.turn_id AND deleted_at IS NULL)
), old AS (
    SELECT id, attempt, state FROM turns WHERE id IN (SELECT id FROM gone) FOR UPDATE
), ended AS (
    UPDATE turns SET lease_owner = NULL, lease_until = NULL, first_in = NULL,
        state = CASE WHEN turns.state IN ('queued', 'running') THEN 'cancelled'
                ELSE turns.state END,
        error_code = 'deleted', error = '', reply = '', prompt_messages = NULL,
        prompt_token_ids = NULL, reply_token_ids = '{{}}', tool_calls = NULL, logprobs = NULL,
        finished_at = coalesce(turns.finished_at, now())
    FROM old WHERE turns.id = old.id
), removal AS ({_TAKE_AWAY}
    FROM turns WHERE turn_id = turns.id AND turns.id IN (SELECT id FROM gone)
        AND superseded_by IS NULL
)
SELECT id, attempt, state FROM old
"""
# After both, where the message was deleted just now: what was stopped is not answered again, and
# nothing stands there in its place.
EMPTY_STOPPED = f"""
WITH old AS (
    SELECT id, attempt, state FROM turns WHERE superseded_by IS NULL AND error_code <> 'deleted'
        AND (state = 'stopped' OR state = 'running' AND stop_requested) AND id IN (
            SELECT turn_id FROM turn_messages JOIN messages ON messages.id = message_id
            WHERE message_id = ({_MESSAGE}) AND deleted_at = now()) FOR UPDATE
), emptied AS (
    UPDATE turns SET lease_owner = NULL, lease_until = NULL,
        state = CASE WHEN turns.state = 'running' THEN 'stopped' ELSE turns.state END,
        error = '', reply = '', prompt_messages = NULL, prompt_token_ids = NULL,
        reply_token_ids = '{{}}', tool_calls = NULL, logprobs = NULL,
        finished_at = coalesce(turns.finished_at, now())
    FROM old WHERE turns.id = old.id
), removal AS ({_TAKE_AWAY} FROM old WHERE turn_id = old.id
)
SELECT id, attempt, state FROM old
"""
# An answer that was replaced repeats what it answered, also where others asked with it.
FORGET_REPLACED = f"""
UPDATE turns SET reply = '', tool_calls = NULL, logprobs = NULL
FROM turn_messages
WHERE turn_messages.message_id = ({_MESSAGE}) AND turn_messages.turn_id = turns.id
    AND superseded_by IS NOT NULL AND reply <> ''
"""
# An experiment may repeat what was said here.
FORGET_EXPERIMENTS = f"""
DELETE FROM conversations WHERE experiment_on = (
    SELECT conversation_id FROM messages WHERE id = ({_MESSAGE}))
"""

# In this order, as whoever else holds several of them.
HOLDS = (HOLD, HOLD_DELIVERIES, HOLD_TURNS)
_ANSWERED_AGAIN = ("running", "done", "failed")


@dataclass(frozen=True, slots=True)
class Revised:
    """What a revision did: the turn that answers now, and the attempt that it ended, if any."""

    turn_id: int | None
    ended: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Revisions:
    database: Database

    async def edit(self, chat: ChatRef, event_id: str, message_id: str, text: str) -> Revised:
        """The message's new text. A turn that waits simply finds it; any other is replaced."""
        where = _where(chat, message_id)
        values = {**where, "event": event_id, "thread": chat.thread_id, "text": text}
        async with self._holding(where, *HOLDS) as connection:
            return await revised(connection, EDIT, values)

    async def knows(self, chat: ChatRef, message_id: str) -> bool:
        return await self.database.row(KNOWN, _where(chat, message_id)) is not None

    async def in_album(self, chat: ChatRef, album: str) -> bool:
        """Whether a part of this album was taken in, and not deleted since."""
        where = {**_where(chat, ""), "album": clean(album)}
        return await self.database.row(SIBLING, where) is not None

    async def add_part(self, message: IncomingMessage) -> Revised | None:
        """Answer an album with one part more. A turn that waits simply finds it; one that runs or
        is over is replaced; one that was stopped stays so. None: no part of it is answered yet.
        """
        where = {**_where(message.chat, ""), "album": clean(message.album)}
        sibling = await self.database.row(SIBLING, where)
        if sibling is None:
            return None
        values = {
            **where,
            **values_of(message.attachments),
            "message": sibling.platform_message_id,
            "event": message.event_id,
            "thread": message.chat.thread_id,
            "part": message.message_id,
            "text": clean(message.text),
        }
        async with self._holding(values, *HOLDS) as connection:
            turn = await row(connection, PART, values)
            if turn is None or not turn.stored or turn.state not in _ANSWERED_AGAIN:
                return None if turn is None else Revised(turn.id)
            return await revised(connection, AGAIN, {"turn": turn.id})

    async def retry(self, turn_id: int) -> Revised:
        """Answer again, in the same place. Nothing for a turn that is not over."""
        values = {"turn": turn_id}
        async with self._holding(values, HOLD_OF_TURN, HOLD_DELIVERIES_OF_TURN) as connection:
            return await revised(connection, RETRY, values)

    async def delete(self, chat: ChatRef, message_id: str) -> Sequence[Revised]:
        """Forget the message and what answers it alone."""
        where = _where(chat, message_id)
        async with self._holding(where, *HOLDS) as connection:
            again = await revised(connection, DELETE, where)
            await rows(connection, FORGET_REPLACED, where)
            removed = await rows(connection, REMOVE, where)
            emptied = await rows(connection, EMPTY_STOPPED, where)
            await forget(connection, [one.id for one in (*removed, *emptied)])
            await enter(connection, [one.id for one in emptied])  # what else was asked
            await rows(connection, FORGET_EXPERIMENTS, where)
        over = (*removed, *emptied)
        gone = [Revised(None, (row.id, row.attempt)) for row in over if row.state == "running"]
        return [again, *gone]

    @asynccontextmanager
    async def _holding(
        self, values: Mapping[str, object], *holds: str
    ) -> AsyncIterator[Connection]:
        """One transaction, in which nothing else changes what the conversation's turns answer."""
        async with self.database.transaction() as connection:
            for hold in holds:
                await rows(connection, hold, values)
            yield connection


def _where(chat: ChatRef, message_id: str) -> dict[str, object]:
    return {
        "channel": chat.channel,
        "account": chat.account,
        "chat": chat.chat_id,
        "message": message_id,
    }


async def revised(connection: Connection, statement: str, values: Mapping[str, object]) -> Revised:
    """Carry it out: search finds the new answer in place of the old one, once it is there."""
    replaced = await row(connection, statement, values)
    if replaced is None:
        return Revised(None)
    await forget(connection, [replaced.old])
    ended = (replaced.old, replaced.attempt) if replaced.state == "running" else None
    return Revised(replaced.id, ended)
