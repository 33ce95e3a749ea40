"""People as an admin sees them: who they are on which channel, and what they used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from assistant.incoming.admittance import Standing
from assistant.storage.database import Database

PAGE = 50
DAYS = 30
_MONTH = "CAST(date_trunc('month', now() AT TIME ZONE 'UTC') AS date)"
# One page of people, from those before: who they are, and what they used this month.
_LISTED = f"""
SELECT found.id, (SELECT name FROM persons WHERE id = found.id) AS name,
    (SELECT created_at FROM persons WHERE id = found.id) AS created_at,
    known.identities, used.tokens, used.messages
FROM found
CROSS JOIN LATERAL (
    SELECT coalesce(json_agg(json_build_array(
        identities.id, channel, accounts.name, platform_id, identities.name, identities.access,
        pairing_code IS NOT NULL) ORDER BY identities.id), '[]') AS identities
    FROM identities JOIN accounts ON accounts.id = account_id WHERE person_id = found.id) AS known
CROSS JOIN LATERAL (
    SELECT coalesce(sum(prompt_tokens + output_tokens), 0) AS tokens,
        coalesce(sum(messages), 0) AS messages
    FROM usage_days WHERE person_id = found.id AND day >= {_MONTH}) AS used
ORDER BY found.id DESC
"""
NEWEST = f"""
WITH found AS (
    SELECT id FROM persons WHERE id < %(before)s ORDER BY id DESC LIMIT %(limit)s
)
{_LISTED}"""
BLOCKED = f"""
WITH found AS (
    SELECT DISTINCT person_id AS id FROM identities
    WHERE access = 'blocked' AND person_id < %(before)s ORDER BY id DESC LIMIT %(limit)s
)
{_LISTED}"""
# By a part of a name, or by what a platform calls them, or by our number of them.
NAMED = f"""
WITH named AS (
    SELECT person_id AS id FROM identities WHERE name ILIKE %(part)s
    UNION SELECT person_id FROM accounts
        JOIN identities ON account_id = accounts.id AND platform_id = %(text)s
    UNION SELECT id FROM persons WHERE id = %(number)s
), found AS (
    SELECT id FROM named WHERE id < %(before)s ORDER BY id DESC LIMIT %(limit)s
)
{_LISTED}"""
PERSON = """
SELECT id, name, coalesce(language, '') AS language, created_at,
    (SELECT count(*) FROM memories WHERE person_id = persons.id) AS memories
FROM persons WHERE id = %(person)s
"""
IDENTITIES = """
SELECT identities.id, channel, accounts.name AS account, account_id, platform_id, identities.name,
    identities.access, pairing_code IS NOT NULL AS asks, identities.created_at, (
        SELECT created_at FROM messages WHERE identity_id = identities.id
        ORDER BY created_at DESC LIMIT 1) AS last_message_at
FROM identities JOIN accounts ON accounts.id = account_id
WHERE person_id = %(person)s ORDER BY identities.id
"""
USED = """
SELECT day, CAST(sum(messages) AS bigint) AS messages, CAST(sum(turns) AS bigint) AS turns,
    CAST(sum(prompt_tokens) AS bigint) AS prompt_tokens,
    CAST(sum(output_tokens) AS bigint) AS output_tokens, CAST(sum(failed) AS bigint) AS failed
FROM usage_days
WHERE person_id = %(person)s AND day > CAST(now() AT TIME ZONE 'UTC' AS date) - %(days)s
GROUP BY day ORDER BY day DESC
"""

FIRST = 2**62  # no id is behind it


@dataclass(frozen=True, slots=True)
class ListedIdentity:
    """`asks`: waits to be let in."""

    id: int
    channel: str
    account: str
    platform_id: str
    name: str
    access: Standing
    asks: bool


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """`tokens` and `messages`: this month's, of turns that have ended."""

    id: int
    name: str
    created_at: datetime
    identities: Sequence[ListedIdentity]
    tokens: int
    messages: int

    @property
    def blocked(self) -> bool:
        return any(one.access == "blocked" for one in self.identities)


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """`before`: what to ask for to see those that follow; None at the end."""

    people: Sequence[ListedPerson]
    before: int | None


@dataclass(frozen=True, slots=True)
class KnownIdentity:
    id: int
    channel: str
    account: str
    account_id: int
    platform_id: str
    name: str
    access: Standing
    asks: bool
    created_at: datetime
    last_message_at: datetime | None


@dataclass(frozen=True, slots=True)
class UsedDay:
    day: date
    messages: int
    turns: int
    prompt_tokens: int
    output_tokens: int
    failed: int


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """`used`: by days of UTC, the latest first; days without anything are left out."""

    id: int
    name: str
    language: str
    created_at: datetime
    memories: int
    identities: Sequence[KnownIdentity]
    used: Sequence[UsedDay]


@dataclass(frozen=True, slots=True)
class People:
    """All raise StorageUnavailable."""

    database: Database

    async def listed(
        self, text: str = "", *, blocked: bool = False, before: int | None = None
    ) -> PeoplePage:
        """The newest first, PAGE of them. `text`: a part of a name, a platform's id, our number."""
        text = text.strip()
        values = {"before": before or FIRST, "limit": PAGE + 1}
        if text:
            number = int(text) if len(text) < 19 and text.isascii() and text.isdecimal() else 0
            named = {"part": f"%{_literally(text)}%", "text": text, "number": number}
            rows = await self.database.rows(NAMED, values | named)
        else:
            rows = await self.database.rows(BLOCKED if blocked else NEWEST, values)
        people = [_listed(one) for one in rows[:PAGE]]
        return PeoplePage(people, people[-1].id if len(rows) > PAGE else None)

    async def one(self, person_id: int) -> KnownPerson | None:
        values = {"person": person_id, "days": DAYS}
        found = await self.database.row(PERSON, values)
        if found is None:
            return None
        identities = [KnownIdentity(*one) for one in await self.database.rows(IDENTITIES, values)]
        used = [UsedDay(*one) for one in await self.database.rows(USED, values)]
        return KnownPerson(
            found.id,
            found.name,
            found.language,
            found.created_at,
            found.memories,
            identities,
            used,
        )


def _listed(row: Any) -> ListedPerson:
    identities = [ListedIdentity(*one) for one in row.identities]
    return ListedPerson(
        row.id, row.name, row.created_at, identities, int(row.tokens), int(row.messages)
    )


def _literally(text: str) -> str:
    """As a pattern that means just this."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
