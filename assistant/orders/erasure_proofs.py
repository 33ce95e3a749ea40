"""Erasing with proof: what there was of it, table by table, and that nothing was left.

Both are counted in the transaction that erases: where anything were left, nothing would be erased.
A proof holds no word of what it is about: the conversation's or person's number, which is given to
nobody else, and a digest by which whoever knows the platform's ids knows it again. What a table
has to do with either is read from its foreign keys, so that none can be forgotten.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Table

from assistant.errors import ChangeRefused
from assistant.orders.erasure import GROUPS, IDENTITIES, LOCK_CONVERSATIONS, PRIVATE, Erasure
from assistant.storage.audit import Actor, note
from assistant.storage.database import Connection, Database, row, rows
from assistant.storage.tables import metadata

Kind = Literal["conversation", "person"]
PAGE = 50
# Of these a conversation's rows are named by an id of theirs; `persons` by the person's own.
PARENTS = ("conversations", "turns", "messages", "identities", "persons")
# Rows that stay, and only let go of who it was.
STAYS = "SET NULL"

OF_CONVERSATION = """
SELECT ARRAY(SELECT id FROM turns WHERE conversation_id = conversations.id) AS turns,
    ARRAY(SELECT id FROM messages WHERE conversation_id = conversations.id) AS messages,
    concat_ws(E'\\n', channel, accounts.name, chat_id, thread_id) AS named
FROM conversations JOIN accounts ON accounts.id = account_id WHERE conversations.id = %(target)s
"""
OF_PERSON = f"""
SELECT ARRAY({PRIVATE}) AS conversations, ARRAY(
    SELECT id FROM messages WHERE identity_id = ANY(%(identities)s)) AS messages, ARRAY(
    SELECT turn_id FROM turn_messages JOIN messages ON messages.id = message_id
    WHERE identity_id = ANY(%(identities)s)
    GROUP BY turn_id HAVING NOT EXISTS (
        SELECT FROM turn_messages AS all_of JOIN messages AS one ON one.id = all_of.message_id
        WHERE all_of.turn_id = turn_messages.turn_id
            AND (one.identity_id = ANY(%(identities)s)) IS NOT TRUE)) AS turns, ARRAY({GROUPS})
    AS groups, (
    SELECT coalesce(string_agg(concat_ws(E'\\n', channel, accounts.name, platform_id), E'\\n'
        ORDER BY identities.id), '')
    FROM identities JOIN accounts ON accounts.id = account_id
    WHERE identities.id = ANY(%(identities)s)) AS named
"""
# No foreign key says where an event belongs.
CHATS = """
SELECT coalesce(array_agg(account_id), '{}') AS accounts,
    coalesce(array_agg(chat_id), '{}') AS chats, coalesce(array_agg(thread_id), '{}') AS threads
FROM conversations WHERE id = ANY(%(conversations)s)
"""
EVENTS = """
SELECT count(*) AS events FROM events
JOIN unnest(CAST(%(accounts)s AS bigint[]), CAST(%(chats)s AS text[]), CAST(%(threads)s AS text[]))
    AS chats (account_id, chat_id, thread_id) USING (account_id, chat_id, thread_id)
"""
TURNS_THERE = "SELECT id FROM turns WHERE conversation_id = ANY(%(conversations)s)"
KEEP = """
INSERT INTO erasures (kind, target, digest, before, after, erased_by)
VALUES (%(kind)s, %(target)s, %(digest)s, %(before)s::jsonb, %(after)s::jsonb, %(by)s)
RETURNING id
"""
LISTED = """
SELECT id, kind, target, digest, before, after, erased_by, erased_at FROM erasures
WHERE id < %(than)s ORDER BY id DESC LIMIT %(limit)s
"""
ONE = """
SELECT id, kind, target, digest, before, after, erased_by, erased_at FROM erasures
WHERE id = %(id)s
"""


class ErasureIncomplete(ChangeRefused):
    """Something was left, so all is as it was; `str()` says of what."""

    def __init__(self, left: Iterable[str]) -> None:
        what = f"Nothing was erased: rows of {', '.join(left)} were left."
        super().__init__("erasure_incomplete", what)


@dataclass(frozen=True, slots=True)
class Proof:
    """`before` and `after`: table → rows, where there were any. `digest` is the SHA-256 of the
    platform's ids, line by line: channel, account, chat and thread of a conversation; channel,
    account and id of each identity of a person."""

    id: int
    kind: Kind
    target: int
    digest: str
    before: Mapping[str, int]
    after: Mapping[str, int]
    erased_by: str
    erased_at: datetime


@dataclass(frozen=True, slots=True)
class ErasureProofs:
    database: Database
    erasure: Erasure

    async def conversation(self, conversation_id: int, actor: Actor) -> Proof | None:
        """Erase it; None where there is no such conversation.

        Raises StorageUnavailable, ErasureIncomplete: all is as it was.
        """
        watch = _Watch("conversation", conversation_id, actor)
        gone = await self.erasure.conversation(conversation_id, watch.witness)
        return await self.one(watch.proof) if gone and watch.proof is not None else None

    async def person(self, person_id: int, actor: Actor) -> Proof | None:
        """As `conversation`."""
        watch = _Watch("person", person_id, actor)
        gone = await self.erasure.person(person_id, watch.witness)
        return await self.one(watch.proof) if gone and watch.proof is not None else None

    async def one(self, proof_id: int) -> Proof | None:
        found = await self.database.row(ONE, {"id": proof_id})
        return None if found is None else Proof(*found)

    async def newest(self, than: int = 2**62, limit: int = PAGE) -> Sequence[Proof]:
        """The newest first; `than`: the id that the last page ended with."""
        found = await self.database.rows(LISTED, {"than": than, "limit": limit})
        return [Proof(*one) for one in found]

    async def left(self, proof: Proof) -> Mapping[str, int]:
        """Look again, now: table → rows that name it. Nothing, as long as the proof holds."""
        parent = "conversations" if proof.kind == "conversation" else "persons"
        counts = await self.database.row(counting([parent]), {parent: [proof.target]})
        return _some(counts)


@dataclass(slots=True)
class _Watch:
    """Of one erasure; `proof` is the id of what was written."""

    kind: Kind
    target: int
    actor: Actor
    proof: int | None = None

    @asynccontextmanager
    async def witness(self, connection: Connection) -> AsyncIterator[None]:
        ids, named = await self._ids(connection)
        chats = await row(connection, CHATS, {"conversations": ids.get("conversations", [])})
        values = {**ids, **chats._asdict()} if chats is not None else ids
        before = await _counted(connection, list(ids), values)
        yield
        if not before:
            return
        after = await _counted(connection, list(ids), values)
        if after:
            raise ErasureIncomplete(after)
        await self._keep(connection, before, named)

    async def _ids(self, connection: Connection) -> tuple[dict[str, list[int]], str]:
        """By their table all that falls, and who it is on the platforms."""
        if self.kind == "conversation":
            return await self._conversation(connection)
        return await self._person(connection)

    async def _conversation(self, connection: Connection) -> tuple[dict[str, list[int]], str]:
        # Held, as the erasure itself does: what is counted is what falls.
        await rows(connection, LOCK_CONVERSATIONS, {"conversations": [self.target]})
        found = await row(connection, OF_CONVERSATION, {"target": self.target})
        if found is None:
            return {"conversations": []}, ""
        ids = {"turns": found.turns, "messages": found.messages, "conversations": [self.target]}
        return ids, found.named

    async def _person(self, connection: Connection) -> tuple[dict[str, list[int]], str]:
        known = await rows(connection, IDENTITIES, {"person": self.target})
        values = {"person": self.target, "identities": [one.id for one in known]}
        seen = await row(connection, OF_PERSON, values)
        if seen is None:
            return {"persons": []}, ""
        locked = {"conversations": [*seen.conversations, *seen.groups]}
        await rows(connection, LOCK_CONVERSATIONS, locked)
        found = await row(connection, OF_PERSON, values) or seen
        there = {"conversations": found.conversations}
        turns = {one.id for one in await rows(connection, TURNS_THERE, there)} | set(found.turns)
        ids = {
            "persons": [self.target],
            "identities": values["identities"],
            "conversations": found.conversations,
            "messages": found.messages,
            "turns": sorted(turns),
        }
        return ids, found.named

    async def _keep(self, connection: Connection, before: Mapping[str, int], named: str) -> None:
        values = {
            "kind": self.kind,
            "target": self.target,
            "digest": hashlib.sha256(named.encode()).hexdigest(),
            "before": json.dumps(before),
            "after": json.dumps({}),
            "by": self.actor.name,
        }
        (kept,) = await rows(connection, KEEP, values)
        self.proof = kept.id
        told = {"proof": kept.id}
        action, target = f"{self.kind}.erased", f"{self.kind}:{self.target}"
        await note(connection, self.actor, action, target, before, told)


async def _counted(
    connection: Connection, parents: Sequence[str], values: Mapping[str, object]
) -> dict[str, int]:
    counts = await row(connection, counting(parents), values)
    events = await row(connection, EVENTS, values)
    return {**_some(counts), **_some(events)}


def counting(parents: Sequence[str]) -> str:
    """One row: of each table that has to do with these, how many rows name one of the ids.

    The values are ids by their table.
    """
    counts = []
    for table in metadata.sorted_tables:
        named = [condition for one in parents for condition in _naming(table, one)]
        if named:
            counts.append(
                f"(SELECT count(*) FROM {table.name} WHERE {' OR '.join(named)}) AS {table.name}"
            )
    return f"SELECT {', '.join(counts)}"


def _naming(table: Table, parent: str) -> Iterator[str]:
    if table.name == parent:
        yield f"id = ANY(CAST(%({parent})s AS bigint[]))"
    for key in table.foreign_keys:
        if key.column.table.name == parent and key.ondelete != STAYS:
            yield f"{key.parent.name} = ANY(CAST(%({parent})s AS bigint[]))"


def _some(counts: Any) -> dict[str, int]:
    return {name: count for name, count in counts._asdict().items() if count}
