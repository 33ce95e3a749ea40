"""Turns that ended at a chosen moment, as they stand in the tables: days can't be waited for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from assistant.accounts import Accounts
from assistant.storage.database import Database

_numbers = count(1)

PERSON = "INSERT INTO persons (name) VALUES (%(name)s) RETURNING id"
TURN = """
WITH conversation AS (
    INSERT INTO conversations (account_id, chat_id, kind)
    VALUES (%(account)s, %(chat)s, 'private')
    ON CONFLICT (account_id, chat_id, thread_id) DO UPDATE SET kind = excluded.kind RETURNING id
), turn AS (
    INSERT INTO turns (conversation_id, person_id, place, state, persona, persona_version,
        prompt_tokens, cached_tokens, output_tokens, created_at, started_at, first_token_at,
        shown_at, finished_at)
    SELECT id, %(person)s, %(place)s, %(state)s, %(persona)s, %(version)s, 100, 60, 20,
        came, came, came + %(first_token)s * interval '1 s', came + %(shown)s * interval '1 s',
        %(when)s
    FROM conversation, (SELECT CAST(%(when)s AS timestamptz)
        - %(whole)s * interval '1 s' AS came) AS clock
    RETURNING id, conversation_id
), asked AS (
    INSERT INTO messages (conversation_id, account_id, chat_id, platform_message_id, text)
    SELECT conversation_id, %(account)s, %(chat)s, %(name)s || '-' || n, 'And now?'
    FROM turn, generate_series(1, %(messages)s) AS n RETURNING id
), link AS (
    INSERT INTO turn_messages (turn_id, message_id) SELECT turn.id, asked.id FROM turn, asked
), used AS (
    INSERT INTO usage_days AS known (day, account_id, person_id, turns, messages)
    SELECT CAST(CAST(%(when)s AS timestamptz) AT TIME ZONE 'UTC' AS date), %(account)s,
        CAST(%(person)s AS bigint), 1, %(messages)s
    WHERE CAST(%(person)s AS bigint) IS NOT NULL
    ON CONFLICT (person_id, day, account_id, chat) DO UPDATE
        SET turns = known.turns + 1, messages = known.messages + excluded.messages
)
SELECT id FROM turn
"""
THUMB = """
INSERT INTO feedback (turn_id, person_id, value, created_at)
VALUES (%(turn)s, %(person)s, %(value)s, %(when)s)
"""


@dataclass(slots=True)
class Past:
    database: Database
    accounts: dict[str, int] = field(default_factory=dict)

    async def person(self, name: str = "Ana") -> int:
        row = await self.database.row(PERSON, {"name": name})
        assert row is not None
        return int(row.id)

    async def turn(
        self,
        when: datetime,
        *,
        person: int | None = None,
        channel: str = "telegram",
        persona: str = "default",
        version: int | None = 1,
        state: str = "done",
        messages: int = 1,
        place: int | None = None,
        first_token: float | None = 0.5,
        shown: float | None = 0.6,
        whole: float = 2.0,
    ) -> int:
        """It ended at `when`, and its message had come `whole` seconds before."""
        if channel not in self.accounts:
            account = await Accounts(self.database).register(channel, "default")
            self.accounts[channel] = account.id
        values = {
            "account": self.accounts[channel],
            "chat": f"chat-{person}",
            "name": f"past-{next(_numbers)}",
            "when": when,
            "person": person,
            "place": place,
            "state": state,
            "persona": persona,
            "version": version,
            "messages": messages,
            "first_token": first_token,
            "shown": shown,
            "whole": whole,
        }
        row = await self.database.row(TURN, values)
        assert row is not None
        return int(row.id)

    async def thumb(self, turn: int, person: int, value: int, when: datetime) -> None:
        values = {"turn": turn, "person": person, "value": value, "when": when}
        await self.database.rows(THUMB, values)
