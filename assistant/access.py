"""Who may talk to the assistant: everybody, those on a list, or those whom an admin paired.

Pairing: a stranger who writes gets a code; an admin confirms it with `outrider pair CODE`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import text

from assistant.accounts import Account
from assistant.database import Database
from assistant.errors import MessageRefused
from assistant.messages import clean

# Letters that can't be mistaken for one another; 8 of 31 make 8.5e11 codes.
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 8

STANDING = text("""
SELECT access, coalesce(pairing_code, '') AS pairing_code FROM identities
WHERE account_id = :account AND platform_id = :sender
""")
REQUEST = text("""
WITH known AS (
    SELECT id FROM identities WHERE account_id = :account AND platform_id = :sender
), person AS (
    INSERT INTO persons (name) SELECT CAST(:name AS text)
    WHERE NOT EXISTS (SELECT FROM known) RETURNING id
), made AS (
    INSERT INTO identities (person_id, account_id, platform_id, name, pairing_code)
    SELECT id, :account, :sender, :name, :code FROM person
    ON CONFLICT (account_id, platform_id) DO UPDATE SET name = excluded.name
    RETURNING access, pairing_code
), updated AS (
    UPDATE identities SET pairing_code = coalesce(pairing_code, :code)
    WHERE id = (SELECT id FROM known) RETURNING access, pairing_code
)
SELECT access, pairing_code FROM made UNION ALL SELECT access, pairing_code FROM updated
""")
PAIR = text("""
UPDATE identities SET access = 'allowed', pairing_code = NULL
WHERE pairing_code = :code AND access = 'pending' RETURNING name
""")


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    database: Database

    async def check(self, account: Account, sender_id: str, sender_name: str) -> None:
        """Return if this person may talk to this account; else raise MessageRefused, in words."""
        if account.access == "open" and not account.delivered:
            return  # the web page and the API have their own doors
        standing, code = await self._standing(account, sender_id)
        if standing == "blocked":
            raise MessageRefused("You are blocked here. Ask the admin of this assistant.")
        if account.access == "open" or sender_id in account.allowlist or standing == "allowed":
            return
        if account.access == "allowlist":
            raise MessageRefused(
                f"This assistant is private. Ask its admin to add your id, {sender_id}, "
                "to the allow-list."
            )
        code = code or await self._request(account, sender_id, sender_name)
        raise MessageRefused(
            f"This assistant is private. Ask its admin to let you in with: outrider pair {code}"
        )

    async def pair(self, code: str) -> str | None:
        """Let in who was given this code. Returns the person's name, None for an unknown code."""
        async with self.database.connection() as connection:
            row = (await connection.execute(PAIR, {"code": code.strip().upper()})).first()
        return None if row is None else str(row.name)

    async def _standing(self, account: Account, sender_id: str) -> tuple[str, str]:
        values = {"account": account.id, "sender": sender_id}
        async with self.database.connection() as connection:
            row = (await connection.execute(STANDING, values)).first()
        return ("", "") if row is None else (row.access, row.pairing_code)

    async def _request(self, account: Account, sender_id: str, sender_name: str) -> str:
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        values = {
            "account": account.id,
            "sender": sender_id,
            "name": clean(sender_name),
            "code": code,
        }
        async with self.database.connection() as connection:
            return str((await connection.execute(REQUEST, values)).one().pairing_code)
