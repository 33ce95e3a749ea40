"""Experiments: what an admin asks the model beside people's conversations; never delivered.

Each is a conversation of its own on the account ("admin", "experiments"), of one turn, whose
messages are the whole prompt. It goes to the queue's head, and belongs to no person: no quota
counts it, and no figure of people. One that repeats somebody's turn holds that one's words, so it
falls with the conversation that they were said in; any falls after a day (`storage/pruning.py`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from assistant.answering.deltas import DeltaReader
from assistant.answering.frozen_prompt import calls_written
from assistant.answering.stopping import Stopping
from assistant.answering.turns import Reply, Turns
from assistant.errors import TurnNotFound
from assistant.fair import CLOCK
from assistant.files.attachments import ATTACHED_TO_EACH, images_of
from assistant.messages import ReplyDelta, clean
from assistant.signals import Signals
from assistant.storage.database import Database
from inference.api import ChatMessage, Sampling, sampling_written

CHANNEL, ACCOUNT = "admin", "experiments"
DEADLINE_SECONDS = 180.0  # an admin looks on; where no engine of the profile is, it ends in words

_ASK = f"""
WITH conversation AS (
    INSERT INTO conversations (account_id, chat_id, kind, experiment_on)
    SELECT %(account)s, %(chat)s, 'private', repeated.conversation_id
    FROM (SELECT) AS one LEFT JOIN turns AS repeated ON repeated.id = CAST(%(repeats)s AS bigint)
    -- Nothing where it was erased meanwhile.
    WHERE CAST(%(repeats)s AS bigint) IS NULL OR repeated.id IS NOT NULL
    RETURNING id
), message AS (
    INSERT INTO messages (conversation_id, account_id, chat_id, platform_message_id, role, text,
        tool_calls, tool_call_id)
    SELECT conversation.id, %(account)s, %(chat)s, given.position::text, given.role, given.text,
        given.tool_calls, coalesce(given.tool_call_id, '')
    FROM conversation, jsonb_to_recordset(%(messages)s::jsonb) AS given
        (position int, role text, text text, tool_calls jsonb, tool_call_id text)
    ORDER BY given.position
    RETURNING id, platform_message_id
), turn AS (
    INSERT INTO turns (conversation_id, sampling, profile, due_at, deadline_at)
    SELECT id, %(sampling)s::jsonb, nullif(%(profile)s, ''), {CLOCK},
        now() + make_interval(secs => %(deadline_seconds)s)
    FROM conversation RETURNING id
), link AS (
    INSERT INTO turn_messages (turn_id, message_id) SELECT turn.id, message.id FROM turn, message
), noted AS (
    INSERT INTO experiments (turn_id, repeats, persona, asked_by)
    SELECT id, CAST(%(repeats)s AS bigint), %(persona)s, %(asked_by)s FROM turn
)"""
ASK = _ASK + "SELECT id FROM turn"
ASK_WITH_IMAGES = _ASK + ATTACHED_TO_EACH + "SELECT id FROM turn"
KNOWN = "SELECT repeats FROM experiments WHERE turn_id = %(turn)s"


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is asked: the whole prompt, system message included.

    `profile`: whose engine shall answer; empty for whichever has room. `repeats`: the turn that it
    is a replay of. `persona` is noted with it, and changes nothing.
    """

    messages: Sequence[ChatMessage]
    sampling: Sampling = field(default_factory=Sampling)
    profile: str = ""
    persona: str = ""
    repeats: int | None = None


@dataclass(frozen=True, slots=True)
class Experiments:
    """`account_id`: that of (CHANNEL, ACCOUNT)."""

    database: Database
    account_id: int
    turns: Turns
    signals: Signals
    reader: DeltaReader
    stopping: Stopping

    async def ask(self, experiment: Experiment, asked_by: str) -> int:
        """The turn that answers it. `asked_by`: the admin's name.

        Raises TurnNotFound where what it repeats was erased, StorageUnavailable.
        """
        images = images_of([one.images for one in experiment.messages])
        values = {
            "account": self.account_id,
            "chat": uuid4().hex,
            "messages": _written(experiment.messages),
            "sampling": json.dumps(sampling_written(experiment.sampling)),
            "profile": experiment.profile,
            "persona": experiment.persona,
            "repeats": experiment.repeats,
            "asked_by": asked_by,
            "deadline_seconds": DEADLINE_SECONDS,
        }
        statement = ASK_WITH_IMAGES if images["of"] else ASK
        row = await self.database.row(statement, values | images)
        if row is None:
            raise TurnNotFound
        await self.signals.wake_worker(row.id)
        return int(row.id)

    async def profiles(self) -> Sequence[str]:
        """Those whose engines answer now."""
        workers = await self.signals.workers()
        infos = [one.info for one in workers if one.info is not None and one.answers]
        return sorted({one.profile for one in infos})

    async def follow(self, turn_id: int) -> AsyncIterator[ReplyDelta]:
        """The answer as it grows, until its last delta. Raises TurnNotFound for any other turn."""
        await self._check(turn_id)
        async for delta in self.reader.follow(turn_id):
            yield delta

    async def read(self, turn_id: int) -> Reply:
        """The answer as far as it stands. Raises TurnNotFound for any other turn."""
        await self._check(turn_id)
        reply = await self.turns.read(turn_id)
        if reply is None:
            raise TurnNotFound
        return reply

    async def stop(self, turn_id: int) -> bool:
        """False if it had ended before. Raises TurnNotFound for any other turn."""
        await self._check(turn_id)
        return await self.stopping.stop(turn_id)

    async def check_trial(self, turn_id: int) -> None:
        """Raises TurnNotFound for a replay too: it holds a person's words, and is read as those."""
        found = await self._check(turn_id)
        if found.repeats is not None:
            raise TurnNotFound

    async def _check(self, turn_id: int) -> Any:
        """Ids can be guessed: nobody's conversation is followed, or stopped, by this way."""
        found = await self.database.row(KNOWN, {"turn": turn_id})
        if found is None:
            raise TurnNotFound
        return found


def _written(messages: Sequence[ChatMessage]) -> str:
    return json.dumps(
        [
            {
                "position": position,
                "role": message.role,
                "text": clean(message.content),
                "tool_calls": calls_written(message.tool_calls) or None,
                "tool_call_id": message.tool_call_id,
            }
            for position, message in enumerate(messages)
        ]
    )
