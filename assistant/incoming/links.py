"""Links: one person who writes on several channels, by a code that they carry from one to another.

Who shows the code on the second account is the person of the first from then on: identities, what
is remembered, what was used and rated become theirs; of two quotas the stricter holds. Taking an
identity out again makes a person of its own of it: what was used on its account goes with it, and
the quota holds for both, so that nobody gets a new one this way. What was said stays with the
other.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from assistant.accounts import Account
from assistant.incoming.access import ALPHABET, CODE_LENGTH
from assistant.storage.database import Connection, Database, row, rows
from assistant.storage.tables.people import QUOTA_LIMITS, USAGE_COUNTS

CODE_SECONDS = 600.0
RefusedLink = Literal["unknown", "already", "refused"]

KEEP = """
INSERT INTO link_codes (person_id, hash, expires_at)
VALUES (%(person)s, %(hash)s, now() + make_interval(secs => %(seconds)s))
ON CONFLICT (person_id) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at
"""
# A code is good for once.
TAKE = """
DELETE FROM link_codes WHERE hash = %(hash)s
RETURNING person_id, expires_at > now() AS holds
"""
BARRED = """
SELECT FROM identities WHERE person_id IN (%(person)s, %(other)s) AND access = 'blocked' LIMIT 1
"""
# Two links at once go one after the other.
HOLD = """
SELECT id FROM persons WHERE id IN (%(person)s, %(other)s) ORDER BY id FOR NO KEY UPDATE
"""
# From now on nothing is written for the other: what is under way was committed by then.
HOLD_OTHER = "SELECT FROM persons WHERE id = %(other)s FOR UPDATE"
IDENTITIES = "UPDATE identities SET person_id = %(person)s WHERE person_id = %(other)s"
TURNS = "UPDATE turns SET person_id = %(person)s WHERE person_id = %(other)s"
ENTRIES = "UPDATE search_entries SET person_id = %(person)s WHERE person_id = %(other)s"
USAGE = f"""
INSERT INTO usage_days AS known (day, account_id, person_id, chat, {", ".join(USAGE_COUNTS)})
SELECT day, account_id, %(person)s, chat, {", ".join(USAGE_COUNTS)} FROM usage_days
WHERE person_id = %(other)s
ON CONFLICT (person_id, day, account_id, chat) DO UPDATE SET
    {", ".join(f"{one} = known.{one} + excluded.{one}" for one in USAGE_COUNTS)}
"""
MEMORIES = """
UPDATE memories SET person_id = %(person)s, number = last + place
FROM (
    SELECT id, row_number() OVER (ORDER BY number) AS place, (
        SELECT coalesce(max(number), 0) FROM memories WHERE person_id = %(person)s) AS last
    FROM memories WHERE person_id = %(other)s) AS theirs
WHERE memories.id = theirs.id
"""
FEEDBACK = """
INSERT INTO feedback (turn_id, person_id, value, created_at, persona, persona_version)
SELECT turn_id, %(person)s, value, created_at, persona, persona_version FROM feedback
WHERE person_id = %(other)s
ON CONFLICT DO NOTHING
"""
# Of two that stand; null is no limit.
STRICTER = f"""
UPDATE quotas AS own SET
    {", ".join(f"{one} = least(own.{one}, other.{one})" for one in QUOTA_LIMITS)},
    changed_at = now()
FROM quotas AS other
WHERE own.person_id = %(person)s AND other.person_id = %(other)s
    AND NOT own.temporary AND NOT other.temporary
"""
QUOTAS = """
UPDATE quotas SET person_id = %(person)s, subject = 'person:' || %(person)s
WHERE person_id = %(other)s AND NOT EXISTS (
    SELECT FROM quotas AS own
    WHERE own.person_id = %(person)s AND own.temporary = quotas.temporary)
"""
LANGUAGE = """
UPDATE persons SET language = coalesce(persons.language, other.language)
FROM persons AS other WHERE persons.id = %(person)s AND other.id = %(other)s
"""
GONE = "DELETE FROM persons WHERE id = %(other)s"
_MOVED = (
    *(IDENTITIES, TURNS, HOLD_OTHER, TURNS, ENTRIES, USAGE, MEMORIES, FEEDBACK, LANGUAGE),
    *(STRICTER, QUOTAS),
    GONE,
)

# With whom they are linked now: the account from which the code came first of all.
NAMED = """
SELECT identities.name, channel FROM identities JOIN accounts ON accounts.id = account_id
WHERE person_id = %(person)s ORDER BY identities.id LIMIT 1
"""
PART = """
WITH alone AS (
    SELECT id, name, person_id, account_id FROM identities WHERE id = %(identity)s AND EXISTS (
        SELECT FROM identities AS other
        WHERE other.person_id = identities.person_id AND other.id <> identities.id)
    FOR NO KEY UPDATE
), person AS (
    INSERT INTO persons (name, language)
    SELECT alone.name, (SELECT language FROM persons WHERE id = (
        SELECT person_id FROM identities WHERE id = alone.id)) FROM alone RETURNING id
)
UPDATE identities SET person_id = person.id FROM person, alone
WHERE identities.id = alone.id
RETURNING person.id AS person, alone.person_id AS before, alone.account_id AS account
"""
PART_USAGE = """
UPDATE usage_days SET person_id = %(person)s
WHERE person_id = %(from)s AND account_id = %(account)s
"""
PART_QUOTAS = f"""
INSERT INTO quotas (subject, temporary, person_id, {", ".join(QUOTA_LIMITS)}, until, note)
SELECT 'person:' || %(person)s, temporary, %(person)s, {", ".join(QUOTA_LIMITS)}, until, note
FROM quotas WHERE person_id = %(from)s
"""
IDENTITY = """
SELECT id FROM identities WHERE account_id = %(account)s AND platform_id = %(sender)s
"""


@dataclass(frozen=True, slots=True)
class Linked:
    """Who they are from now on, and where."""

    person_id: int
    name: str
    channel: str


@dataclass(frozen=True, slots=True)
class Links:
    """All raise StorageUnavailable: then nothing was changed."""

    database: Database

    async def code(self, person_id: int) -> str:
        """A code for this person, good for CODE_SECONDS and for once; an earlier one is void."""
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        values = {"person": person_id, "hash": _hash(code), "seconds": CODE_SECONDS}
        await self.database.rows(KEEP, values)
        return code

    async def link(self, code: str, person_id: int) -> Linked | RefusedLink:
        """Make this person the one who was given the code. Refused: where nobody was, or too long
        ago; where both are one already; where either is blocked."""
        async with self.database.transaction() as connection:
            found = await row(connection, TAKE, {"hash": _hash(code.strip().upper())})
            if found is None or not found.holds:
                return "unknown"
            if found.person_id == person_id:
                return "already"
            values = {"person": found.person_id, "other": person_id}
            return await _one(connection, values)

    async def part(self, account: Account, sender_id: str) -> bool:
        """Make a person of its own of this identity. False where it is that already."""
        values = {"account": account.id, "sender": sender_id}
        found = await self.database.row(IDENTITY, values)
        return found is not None and await self.part_identity(found.id) is not None

    async def part_identity(self, identity_id: int) -> int | None:
        """As `part`. The id of the new person, None where nothing was to be done."""
        async with self.database.transaction() as connection:
            return await parted(connection, identity_id)


async def parted(connection: Connection, identity_id: int) -> int | None:
    """See `Links.part_identity`; within a transaction of the caller's."""
    found = await row(connection, PART, {"identity": identity_id})
    if found is None:
        return None
    values = {"person": found.person, "from": found.before, "account": found.account}
    await rows(connection, PART_USAGE, values)
    await rows(connection, PART_QUOTAS, values)
    return int(found.person)


async def _one(connection: Connection, values: Mapping[str, Any]) -> Linked | RefusedLink:
    held = await rows(connection, HOLD, values)
    if len(held) < 2 or await row(connection, BARRED, values) is not None:
        return "refused"
    for statement in _MOVED:
        await rows(connection, statement, values)
    named = await row(connection, NAMED, values)
    if named is None:
        return Linked(values["person"], "", "")
    return Linked(values["person"], named.name, named.channel)


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
