"""Holdings: what is kept of a conversation or a person, to be looked at before it is erased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.orders.erasure import GROUPS, PRIVATE
from assistant.storage.database import Database

CONVERSATION = """
SELECT channel, accounts.name AS account, chat_id, thread_id, kind,
    (SELECT count(*) FROM messages WHERE conversation_id = conversations.id) AS messages,
    (SELECT count(*) FROM turns WHERE conversation_id = conversations.id) AS turns
FROM conversations JOIN accounts ON accounts.id = account_id WHERE conversations.id = %(id)s
"""
IDENTITIES = """
SELECT identities.id, channel, accounts.name AS account, platform_id, identities.name
FROM identities JOIN accounts ON accounts.id = account_id
WHERE person_id = %(person)s ORDER BY identities.id
"""
PERSON = f"""
SELECT name, (SELECT count(*) FROM ({PRIVATE}) AS private) AS private_conversations,
    (SELECT count(*) FROM ({GROUPS}) AS groups) AS groups,
    (SELECT count(*) FROM messages WHERE identity_id = ANY(%(identities)s)) AS messages
FROM persons WHERE id = %(person)s
"""


@dataclass(frozen=True, slots=True)
class ConversationHoldings:
    channel: str
    account: str
    chat_id: str
    thread_id: str
    kind: str
    messages: int
    turns: int


@dataclass(frozen=True, slots=True)
class IdentityHoldings:
    channel: str
    account: str
    platform_id: str
    name: str


@dataclass(frozen=True, slots=True)
class PersonHoldings:
    name: str
    identities: tuple[IdentityHoldings, ...]
    private_conversations: int
    groups: int
    messages: int


@dataclass(frozen=True, slots=True)
class Holdings:
    database: Database

    async def conversation(self, conversation_id: int) -> ConversationHoldings | None:
        rows = await self._rows(CONVERSATION, {"id": conversation_id})
        return ConversationHoldings(*rows[0]) if rows else None

    async def person(self, person_id: int) -> PersonHoldings | None:
        found = await self._rows(IDENTITIES, {"person": person_id})
        values = {"person": person_id, "identities": [one.id for one in found]}
        rows = await self._rows(PERSON, values)
        if not rows:
            return None
        name, *counts = rows[0]
        return PersonHoldings(name, tuple(IdentityHoldings(*one[1:]) for one in found), *counts)

    async def _rows(self, statement: str, values: Mapping[str, Any]) -> Sequence[Any]:
        return await self.database.rows(statement, values)
