"""Another bot under an account's name: a platform counts messages by bot, and people told the first
one what they said, so the account of the first is kept under another name, and a new one begins.

What admins decided holds for the new one too: persona, weight, quota, canned answers, who may talk
and who may not. A bot that comes back finds its own account again.
"""

from __future__ import annotations

from dataclasses import dataclass

from assistant.storage.database import Connection, row, rows
from assistant.storage.tables.people import QUOTA_LIMITS

_LIMITS = ", ".join(QUOTA_LIMITS)

LEAVE = """
UPDATE accounts SET name = name || ' of ' || bot
WHERE channel = %(channel)s AND name = %(name)s AND bot NOT IN ('', %(bot)s)
RETURNING id, name, bot
"""
COME_BACK = """
UPDATE accounts SET name = %(name)s
WHERE channel = %(channel)s AND name = %(name)s || ' of ' || %(bot)s AND bot = %(bot)s
RETURNING id
"""
BEGIN = f"""
WITH former AS (
    SELECT * FROM accounts WHERE id = %(former)s
), begun AS (
    INSERT INTO accounts (channel, name, access, weight, persona)
    SELECT channel, %(name)s, access, weight, persona FROM former RETURNING id
), access AS (
    INSERT INTO account_access (account_id, access, changed_at)
    SELECT begun.id, access, changed_at FROM account_access, begun WHERE account_id = %(former)s
), listed AS (
    INSERT INTO allowlist (account_id, entry, note, added_at)
    SELECT begun.id, entry, note, added_at FROM allowlist, begun WHERE account_id = %(former)s
), answers AS (
    INSERT INTO canned_answers (title, phrases, whole, blocks, answer, account_id, enabled)
    SELECT title, phrases, whole, blocks, answer, begun.id, enabled
    FROM canned_answers, begun WHERE account_id = %(former)s
), quota AS (
    INSERT INTO quotas (subject, temporary, account_id, {_LIMITS}, until, note)
    SELECT 'account:' || begun.id, temporary, begun.id, {_LIMITS}, until, note
    FROM quotas, begun WHERE subject = 'account:' || %(former)s
), blocked AS (
    SELECT nextval(pg_get_serial_sequence('persons', 'id')) AS person, platform_id, name
    FROM identities WHERE account_id = %(former)s AND access = 'blocked'
), persons AS (
    INSERT INTO persons (id, name) OVERRIDING SYSTEM VALUE SELECT person, name FROM blocked
)
INSERT INTO identities (person_id, account_id, platform_id, name, access)
SELECT person, begun.id, platform_id, name, 'blocked' FROM blocked, begun
"""


@dataclass(frozen=True, slots=True)
class Left:
    """An account that is kept under this name now."""

    name: str
    bot_id: str


async def make_way(connection: Connection, channel: str, name: str, bot_id: str) -> Left | None:
    """Give the name to this bot, where it is another's; that one's account then."""
    values = {"channel": channel, "name": name, "bot": bot_id}
    left = await row(connection, LEAVE, values)
    if left is None:
        return None
    if not await rows(connection, COME_BACK, values):
        await rows(connection, BEGIN, {"former": left.id, "name": name})
    return Left(left.name, left.bot)
