"""Persons: who somebody is behind their identity on an account, and what language they read."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.accounts import Account
from assistant.messages import clean
from assistant.storage.database import Database

FIND = """
WITH known AS (
    SELECT person_id FROM identities WHERE account_id = %(account)s AND platform_id = %(sender)s
), person AS (
    INSERT INTO persons (name) SELECT CAST(%(name)s AS text)
    WHERE NOT EXISTS (SELECT FROM known) RETURNING id
), made AS (
    INSERT INTO identities (person_id, account_id, platform_id, name)
    SELECT id, %(account)s, %(sender)s, %(name)s FROM person
    ON CONFLICT (account_id, platform_id) DO UPDATE SET name = excluded.name RETURNING person_id
)
SELECT person_id FROM known UNION ALL SELECT person_id FROM made
"""
KNOWN = """
SELECT person_id FROM identities WHERE account_id = %(account)s AND platform_id = %(sender)s
"""
LANGUAGE = """
SELECT coalesce(persons.language, nullif(%(told)s, ''), identities.language) AS language,
    coalesce(persons.language, '') AS chosen
FROM identities JOIN persons ON persons.id = person_id
WHERE account_id = %(account)s AND platform_id = %(sender)s
"""
CONSENT = """
UPDATE persons SET consented_at = CASE WHEN %(allowed)s THEN coalesce(consented_at, now()) END
WHERE id = %(person)s
"""
CONSENTED = "SELECT FROM persons WHERE id = %(person)s AND consented_at IS NOT NULL"
CHOOSE = "UPDATE persons SET language = %(language)s WHERE id = %(person)s"


@dataclass(frozen=True, slots=True)
class Persons:
    database: Database

    async def find(self, account: Account, sender_id: str, name: str) -> int:
        """The person's id; who is seen for the first time is made."""
        values = {"account": account.id, "sender": sender_id, "name": clean(name)}
        (row,) = await self.database.rows(FIND, values)
        return int(row.person_id)

    async def known(self, account: Account, sender_id: str) -> int | None:
        row = await self.database.row(KNOWN, {"account": account.id, "sender": sender_id})
        return None if row is None else int(row.person_id)

    async def language(self, account: Account, sender_id: str, told: str) -> str:
        """The language that the person chose, else `told`, else what the platform said last."""
        return (await self.languages(account, sender_id, told))[0]

    async def languages(self, account: Account, sender_id: str, told: str) -> tuple[str, str]:
        """As `language`, and the one that the person chose; empty where they chose none."""
        values = {"account": account.id, "sender": sender_id, "told": told}
        row = await self.database.row(LANGUAGE, values)
        return (told, "") if row is None else (str(row.language), str(row.chosen))

    async def choose(self, person_id: int, language: str | None) -> None:
        """None: as each platform says."""
        await self.database.rows(CHOOSE, {"person": person_id, "language": language})

    async def consent(self, person_id: int, *, allowed: bool) -> None:
        """Whether admins may read what the person writes, where the settings ask for it."""
        await self.database.rows(CONSENT, {"person": person_id, "allowed": allowed})

    async def consented(self, person_id: int) -> bool:
        return await self.database.row(CONSENTED, {"person": person_id}) is not None
