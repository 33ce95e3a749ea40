"""Who may talk to the assistant: everybody, those on a list, or those whom an admin paired.

Pairing: a stranger who writes gets a code; an admin confirms it with `outrider pair CODE`, or, on a
platform that tells us who its admins are, one of them in a direct message to the bot.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from assistant.accounts import Account
from assistant.errors import MessageRefused
from assistant.incoming.entry import Entries, Entry
from assistant.messages import NO_MEMBER, ChatRef, Membership, clean
from assistant.phrases import Phrase
from assistant.storage.database import Database

# Letters that can't be mistaken for one another; 8 of 31 make 8.5e11 codes.
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 8
# Channels that tell us who administers the place; those need no code themselves.
WITH_ADMINS = frozenset({"slack"})

STANDING = """
SELECT access, coalesce(pairing_code, '') AS pairing_code FROM identities
WHERE account_id = %(account)s AND platform_id = %(sender)s
"""
REQUEST = """
WITH known AS (
    SELECT id FROM identities WHERE account_id = %(account)s AND platform_id = %(sender)s
), person AS (
    INSERT INTO persons (name) SELECT CAST(%(name)s AS text)
    WHERE NOT EXISTS (SELECT FROM known) RETURNING id
), made AS (
    INSERT INTO identities (person_id, account_id, platform_id, name, pairing_code)
    SELECT id, %(account)s, %(sender)s, %(name)s, %(code)s FROM person
    ON CONFLICT (account_id, platform_id) DO UPDATE SET name = excluded.name
    RETURNING access, pairing_code
), updated AS (
    UPDATE identities SET pairing_code = coalesce(pairing_code, %(code)s)
    WHERE id = (SELECT id FROM known) RETURNING access, pairing_code
)
SELECT access, pairing_code FROM made UNION ALL SELECT access, pairing_code FROM updated
"""
PAIR = """
UPDATE identities SET access = 'allowed', pairing_code = NULL
WHERE pairing_code = %(code)s AND access = 'pending'
    AND account_id = coalesce(CAST(%(account)s AS bigint), account_id)
RETURNING name
"""


# A chat that moved: its elder messages have the chat that they were written in.
LISTED_BEFORE = """
SELECT FROM conversations JOIN messages ON conversation_id = conversations.id
WHERE conversations.account_id = %(account)s AND conversations.chat_id = %(chat)s
    AND messages.account_id = %(account)s AND messages.chat_id = ANY(%(listed)s)
    AND messages.chat_id <> %(chat)s
LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    database: Database
    entries: Entries = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "entries", Entries(self.database))

    async def check(
        self,
        account: Account,
        chat: ChatRef,
        sender_id: str,
        sender_name: str,
        member: Membership = NO_MEMBER,
    ) -> None:
        """Return if this person may talk to this account, here; else raise MessageRefused, in
        words. A list names people, workspaces whose people may, and groups in which everybody
        may, also under the id that a group had before it moved."""
        entry = await self.entries.of(account)
        if entry.access == "open" and not account.delivered and not entry.blocks:
            return  # the web page and the API have their own doors
        standing, code = await self._standing(account, sender_id)
        if standing == "blocked":
            raise MessageRefused(Phrase("refused.blocked"))
        if await self._allowed(account, entry, chat, sender_id, standing, member):
            return
        if entry.access == "allowlist":
            raise MessageRefused(Phrase("refused.allowlist", {"id": sender_id}))
        code = code or await self._request(account, sender_id, sender_name)
        if account.channel in WITH_ADMINS:
            raise MessageRefused(Phrase("refused.pairing_here", {"code": code}))
        raise MessageRefused(Phrase("refused.pairing", {"code": code}))

    async def allows(
        self, account: Account, chat: ChatRef, sender_id: str, member: Membership = NO_MEMBER
    ) -> bool:
        """As `check`, of somebody who has not written yet: nothing is asked for or stored."""
        standing, _ = await self._standing(account, sender_id)
        if standing == "blocked":
            return False
        entry = await self.entries.of(account)
        return await self._allowed(account, entry, chat, sender_id, standing, member)

    async def pair(self, code: str, account: Account | None = None) -> str | None:
        """Let in who was given this code, by this account where one is named. Returns the person's
        name, None for an unknown code."""
        values = {"code": code.strip().upper(), "account": account and account.id}
        row = await self.database.row(PAIR, values)
        return None if row is None else str(row.name)

    async def _allowed(
        self,
        account: Account,
        entry: Entry,
        chat: ChatRef,
        sender_id: str,
        standing: str,
        member: Membership,
    ) -> bool:
        if entry.access == "open" or standing == "allowed":
            return True
        if entry.access == "pairing" and member.admin:
            return True
        if entry.allowlist & {sender_id, chat.chat_id, member.workspace}:
            return True
        if chat.kind != "group" or not entry.allowlist:
            return False
        values = {"account": account.id, "chat": chat.chat_id, "listed": list(entry.allowlist)}
        return await self.database.row(LISTED_BEFORE, values) is not None

    async def _standing(self, account: Account, sender_id: str) -> tuple[str, str]:
        values = {"account": account.id, "sender": sender_id}
        row = await self.database.row(STANDING, values)
        return ("", "") if row is None else (row.access, row.pairing_code)

    async def _request(self, account: Account, sender_id: str, sender_name: str) -> str:
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        values = {
            "account": account.id,
            "sender": sender_id,
            "name": clean(sender_name),
            "code": code,
        }
        (row,) = await self.database.rows(REQUEST, values)
        return str(row.pairing_code)
