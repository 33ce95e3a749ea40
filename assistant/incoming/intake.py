"""Intake: event, message and turn in one statement, which is one transaction.

When `Intake.store` returns, the message is committed and the platform may be told "received".
Redeliveries (same event id) and twins (same message id) change nothing. A message that comes
while a turn of its conversation waits, or runs and has shown nothing yet, joins that turn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
import structlog

from assistant import fair
from assistant.answering.frozen_prompt import calls_written
from assistant.answering.token_counts import tokens_of
from assistant.errors import QueueFull
from assistant.fair import DUE
from assistant.files.attachments import ATTACHED, ATTACHED_TO_EACH, images_of, values_of
from assistant.incoming.backlog import Backlog, Limits
from assistant.messages import Accepted, ChatRef, IncomingMessage, Requester, clean
from assistant.phrases import Phrase
from assistant.settings import AssistantSettings
from assistant.storage.database import Database
from inference.api import ChatMessage, Sampling, sampling_written

log = structlog.get_logger()

# Whether a turn more of this person (`known`) may wait.
PERSON_HAS_ROOM = """(
        SELECT count(*) FROM (
            SELECT FROM turns AS live
            WHERE live.person_id = (SELECT person_id FROM known)
                AND live.state IN ('queued', 'running')
            LIMIT %(most)s) AS counted) < %(most)s"""
_STAMPED = "priority, tokens, deadline_at"
_STAMP = """CAST(%(priority)s AS smallint), %(tokens)s,
        now() + make_interval(secs => %(deadline_seconds)s)"""
# The turn is only made when the message is new. A turn that waits, or that runs and of which nobody
# has seen text, starts again with this message too; where two first messages come at once, the
# conflict on the waiting turn's partial index is what makes the second join the first.
# Where this person may have no more in the queue, nothing at all is stored.
_STORE = f"""
WITH known AS (
    SELECT id, person_id FROM identities
    WHERE account_id = %(account)s AND platform_id = %(sender)s
), event AS (
    INSERT INTO events (account_id, event_id, chat_id, thread_id)
    SELECT %(account)s, %(event)s, %(chat)s, %(thread)s WHERE {PERSON_HAS_ROOM}
    ON CONFLICT DO NOTHING RETURNING event_id
), conversation AS (
    INSERT INTO conversations (account_id, chat_id, thread_id, kind)
    SELECT %(account)s, %(chat)s, %(thread)s, %(kind)s FROM event
    ON CONFLICT (account_id, chat_id, thread_id) DO UPDATE SET last_message_at = now()
    RETURNING id
), person AS (
    INSERT INTO persons (name) SELECT %(sender_name)s FROM event
    WHERE NOT EXISTS (SELECT FROM known) RETURNING id
), made AS (
    INSERT INTO identities (person_id, account_id, platform_id, name, language)
    SELECT id, %(account)s, %(sender)s, %(sender_name)s, %(language)s FROM person
    ON CONFLICT (account_id, platform_id) DO UPDATE SET name = excluded.name
    RETURNING id, person_id
), told AS (
    UPDATE identities SET language = %(language)s FROM known, event
    WHERE identities.id = known.id AND %(language)s NOT IN ('', language)
), sender AS (
    SELECT id, person_id FROM known UNION ALL SELECT id, person_id FROM made
), message AS (
    INSERT INTO messages
        (conversation_id, account_id, chat_id, platform_message_id, identity_id, text, album)
    SELECT conversation.id, %(account)s, %(chat)s, %(message)s, sender.id, %(text)s, %(album)s
    FROM conversation, sender
    ON CONFLICT (account_id, chat_id, platform_message_id) DO NOTHING
    RETURNING id, conversation_id
), restarted AS (
    UPDATE turns SET state = 'queued', lease_owner = NULL, lease_until = NULL, failures = 0,
        prompt_messages = NULL, prompt_token_ids = NULL, reply = '', reply_token_ids = '{{}}',
        tokens = tokens + %(tokens)s,
        deadline_at = now() + make_interval(secs => %(deadline_seconds)s)
    WHERE turns.id = (
        SELECT id FROM turns AS waiting
        WHERE waiting.conversation_id = (SELECT conversation_id FROM message)
            AND waiting.state = 'queued' AND waiting.place IS NULL
        UNION ALL
        SELECT id FROM turns AS running
        WHERE running.conversation_id = (SELECT conversation_id FROM message)
            AND running.state = 'running' AND running.shown_at IS NULL AND running.place IS NULL
            AND NOT running.stop_requested
        LIMIT 1)
    -- Looked at again where a worker has claimed it, or shown of it, in this moment. Written so
    -- that no partial index fits: by one all that waits would be read for the one row.
    AND place IS NULL AND NOT stop_requested
    AND (state || '' = 'queued' OR state || '' = 'running' AND shown_at IS NULL)
    RETURNING turns.id, nullif(turns.attempt, 0) AS attempt
){DUE}, waiting AS (
    INSERT INTO turns (conversation_id, person_id, due_at, first_in, {_STAMPED}, worker)
    SELECT conversation_id, person_id, due_at, first_in, {_STAMP}, (
        -- Whoever answered here last has it in its cache.
        SELECT earlier.worker FROM (
            SELECT worker FROM turns AS latest
            WHERE latest.conversation_id = message.conversation_id
            ORDER BY coalesce(latest.place, latest.id) DESC LIMIT 1) AS earlier
        WHERE earlier.worker = ANY(%(free)s))
    FROM message, due WHERE NOT EXISTS (SELECT FROM restarted)
    ON CONFLICT (conversation_id) WHERE state = 'queued' AND place IS NULL
    DO UPDATE SET state = 'queued'
    RETURNING id, xmax <> 0 AS joined, worker
), turn AS (
    SELECT id, true AS joined, attempt AS restarted, NULL AS worker FROM restarted
    UNION ALL SELECT id, joined, NULL, worker FROM waiting
), link AS (
    INSERT INTO turn_messages (turn_id, message_id) SELECT turn.id, message.id FROM turn, message
), delivery AS (
    INSERT INTO deliveries (turn_id, account_id, conversation_id, reply_to)
    SELECT turn.id, %(account)s, message.conversation_id, %(message)s
    FROM turn, message WHERE %(delivered)s
    -- The first question stays: what was posted for it may have to be found after it. An answer
    -- that could not be shown is tried again: who writes can be reached.
    ON CONFLICT (turn_id) DO UPDATE SET state = 'pending', error = '', finished_at = NULL
    WHERE deliveries.state = 'failed'
)"""
_STORED = """
SELECT turn.id, turn.joined, turn.restarted, turn.restarted IS NULL AND EXISTS (
    SELECT FROM turns AS running
    WHERE running.conversation_id = message.conversation_id AND running.state = 'running') AS waits,
    turn.worker, message.id AS message_id
FROM turn, message
"""
STORE = _STORE + _STORED
STORE_WITH_FILES = _STORE + ATTACHED + _STORED

# A request of the public API: a conversation of its own, all messages given, never joined.
_STORE_REQUEST = f"""
WITH known AS (
    SELECT person_id FROM identities
    WHERE account_id = %(account)s AND platform_id = %(sender)s
), conversation AS (
    INSERT INTO conversations (account_id, chat_id, kind)
    SELECT %(account)s, %(chat)s, 'private' WHERE {PERSON_HAS_ROOM} RETURNING id
), person AS (
    INSERT INTO persons (name) SELECT CAST(%(sender_name)s AS text) FROM conversation
    WHERE NOT EXISTS (SELECT FROM known) RETURNING id
), made AS (
    INSERT INTO identities (person_id, account_id, platform_id, name)
    SELECT id, %(account)s, %(sender)s, %(sender_name)s FROM person
    ON CONFLICT (account_id, platform_id) DO UPDATE SET name = excluded.name RETURNING person_id
), sender AS (
    SELECT person_id FROM known UNION ALL SELECT person_id FROM made
), message AS (
    INSERT INTO messages (conversation_id, account_id, chat_id, platform_message_id, role, text,
        tool_calls, tool_call_id)
    SELECT conversation.id, %(account)s, %(chat)s, given.position::text, given.role, given.text,
        given.tool_calls, coalesce(given.tool_call_id, '')
    FROM conversation, jsonb_to_recordset(%(messages)s::jsonb) AS given
        (position int, role text, text text, tool_calls jsonb, tool_call_id text)
    ORDER BY given.position
    RETURNING id, conversation_id, platform_message_id
){DUE}, turn AS (
    INSERT INTO turns (conversation_id, person_id, sampling, due_at, first_in, {_STAMPED})
    SELECT id, person_id, %(sampling)s::jsonb, due_at, first_in, {_STAMP}
    FROM conversation, due RETURNING id
), link AS (
    INSERT INTO turn_messages (turn_id, message_id) SELECT turn.id, message.id FROM turn, message
)"""
_REQUESTED = "SELECT id, (SELECT max(id) FROM message) AS message_id FROM turn"
STORE_REQUEST = _STORE_REQUEST + _REQUESTED
STORE_REQUEST_WITH_IMAGES = _STORE_REQUEST + ATTACHED_TO_EACH + _REQUESTED

# A message that we are told of for the first time by its deletion: should it come yet, it is known.
BURY = """
WITH conversation AS (
    INSERT INTO conversations (account_id, chat_id, thread_id, kind)
    VALUES (%(account)s, %(chat)s, %(thread)s, %(kind)s)
    ON CONFLICT (account_id, chat_id, thread_id) DO UPDATE SET chat_id = excluded.chat_id
    RETURNING id
)
INSERT INTO messages
    (conversation_id, account_id, chat_id, platform_message_id, text, deleted_at)
SELECT id, %(account)s, %(chat)s, %(message)s, '', now() FROM conversation
ON CONFLICT (account_id, chat_id, platform_message_id) DO NOTHING RETURNING id
"""

# An order (/stop) that the platform delivers again is the same order: it is about what was there
# when it first came.
ORDER = """
INSERT INTO events (account_id, event_id, chat_id, thread_id)
VALUES (%(account)s, %(event)s, %(chat)s, %(thread)s)
ON CONFLICT (account_id, event_id) DO UPDATE SET event_id = excluded.event_id
RETURNING received_at
"""

KNOWN_TURN = """
SELECT (
    SELECT max(link.turn_id) FROM messages
    JOIN turn_messages link ON link.message_id = messages.id
    WHERE account_id = %(account)s AND chat_id = %(chat)s AND platform_message_id = %(message)s
) AS turn, EXISTS (
    SELECT FROM events WHERE account_id = %(account)s AND event_id = %(event)s) AS came
"""

RACES = 3
LANGUAGE_CHARACTERS = 35  # the longest name of one that platforms use


@dataclass(frozen=True, slots=True)
class Intake:
    database: Database
    limits: Limits | AssistantSettings = field(default_factory=Limits)
    backlog: Backlog = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "backlog", Backlog(self.database, self.limits))

    async def store(
        self,
        account_id: int,
        message: IncomingMessage,
        delivered: bool,
        free: Sequence[str] = (),
    ) -> Accepted:
        """Commit the message. `delivered` when a channel must be told to show the reply; `free`:
        the workers that have room, where there are several.

        Raises StorageUnavailable: nothing is stored and the platform must deliver again. Raises
        QueueFull: nothing is stored, and the person is told.
        """
        files = (one.data or b"" for one in message.attachments if one.kind != "image")
        tokens = tokens_of(message.text, *files)
        values = {
            **self._fairness(tokens),
            "free": list(free),
            "account": account_id,
            "event": message.event_id,
            "chat": message.chat.chat_id,
            "thread": message.chat.thread_id,
            "kind": message.chat.kind,
            "sender": message.sender_id,
            "sender_name": clean(message.sender_name),
            "language": clean(message.language)[:LANGUAGE_CHARACTERS],
            "message": message.message_id,
            "text": clean(message.text),
            "album": clean(message.album),
            "delivered": delivered,
        }
        if not await self.backlog.has_room(tokens):
            row = None
        elif message.attachments:
            row = await self._stored(STORE_WITH_FILES, values | values_of(message.attachments))
        else:
            row = await self._stored(STORE, values)
        if row is None:
            turn, came = await self._one(KNOWN_TURN, values) or (None, True)
            if turn is None and not came:
                raise self._full(tokens)
            return Accepted(turn or 0, duplicate=True)
        turn_id, joined, restarted, waits, worker, message_id = row
        return Accepted(turn_id, False, joined, restarted, waits, worker, message_id)

    def _fairness(
        self, tokens: int, *, background: bool = False, deadline_seconds: float | None = None
    ) -> Mapping[str, object]:
        """What every statement that makes a turn needs for its place in the queue."""
        seconds = self.limits.deadline_seconds
        return {
            **fair.values_of(background=background),
            "most": self.limits.person_turns,
            "tokens": tokens,
            "deadline_seconds": min(deadline_seconds or seconds, seconds),
        }

    def _full(self, tokens: int) -> QueueFull:
        if self.backlog.fits(tokens):
            return QueueFull(Phrase("refused.full_of_yours", {"most": self.limits.person_turns}))
        return QueueFull(Phrase("refused.full", {"waiting": self.backlog.turns}))

    async def _stored(self, statement: str, values: Mapping[str, object]) -> tuple[Any, ...] | None:
        """In the same moment a message beside it may begin to wait, which this one then joins,
        or the sender or the conversation may be erased, which are then made anew."""
        for _ in range(RACES):
            try:
                return await self.database.row(statement, values, prepare=True)
            except psycopg.errors.IntegrityError:
                log.info("intake_again", chat=values["chat"])
        return await self.database.row(statement, values, prepare=True)

    async def bury(self, account_id: int, chat: ChatRef, message_id: str) -> None:
        """Remember a message that was deleted before it came."""
        values = {
            "account": account_id,
            "chat": chat.chat_id,
            "thread": chat.thread_id,
            "kind": chat.kind,
            "message": message_id,
        }
        await self._one(BURY, values)

    async def first_came(self, account_id: int, chat: ChatRef, message_id: str) -> datetime | None:
        """When the message that is an order first came; None for one that has no id.

        Raises StorageUnavailable: it isn't remembered, the platform must deliver it again.
        """
        if not message_id:
            return None
        values = {
            "account": account_id,
            "event": f"order:{chat.chat_id}:{message_id}",
            "chat": chat.chat_id,
            "thread": chat.thread_id,
        }
        row = await self._one(ORDER, values)
        return row[0] if row else None

    async def store_request(
        self,
        account_id: int,
        chat_id: str,
        given: Sequence[ChatMessage],
        sampling: Sampling,
        requester: Requester,
        *,
        background: bool = False,
        deadline_seconds: float | None = None,
    ) -> Accepted:
        """Raises StorageUnavailable, QueueFull. No deadline lies behind the settings' own."""
        shown = [one for tool in sampling.offered for one in (tool.description, tool.parameters)]
        tokens = tokens_of(*(message.content for message in given), *shown)
        listed = [
            {
                "position": position,
                "role": message.role,
                "text": clean(message.content),
                "tool_calls": calls_written(message.tool_calls) or None,
                "tool_call_id": message.tool_call_id,
            }
            for position, message in enumerate(given)
        ]
        values = {
            **self._fairness(tokens, background=background, deadline_seconds=deadline_seconds),
            "account": account_id,
            "chat": chat_id,
            "sender": requester.id,
            "sender_name": requester.name,
            "messages": json.dumps(listed),
            "sampling": json.dumps(sampling_written(sampling)),
        }
        images = images_of([message.images for message in given])
        statement = STORE_REQUEST_WITH_IMAGES if images["of"] else STORE_REQUEST
        has_room = await self.backlog.has_room(tokens)
        row = await self._one(statement, values | images) if has_room else None
        if row is None:
            raise self._full(tokens)
        return Accepted(row[0], message_id=row[1])

    async def _one(self, statement: str, values: Mapping[str, object]) -> tuple[Any, ...] | None:
        return await self.database.row(statement, values)
