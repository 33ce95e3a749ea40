"""Installs: accounts that somebody added while Outrider runs, each with a token of its own.

The token is stored sealed, and stays so here: who opens the account has the key. An install that
ends takes its token out of the database and what is open of the account's replies to an end;
conversations stay, and a later install goes on with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assistant.storage.database import Database

# What waited since before the app was taken off is not said to anybody weeks later.
KEEP = """
WITH account AS (
    SELECT id FROM accounts WHERE channel = %(channel)s AND name = %(name)s
), stale AS (
    UPDATE deliveries SET state = 'failed', error = 'uninstalled', attempt = attempt + 1,
        lease_owner = NULL, lease_until = NULL, finished_at = now()
    FROM account WHERE deliveries.account_id = account.id
        AND deliveries.state IN ('pending', 'active', 'removing')
        AND NOT EXISTS (SELECT FROM installs WHERE installs.account_id = account.id)
)
INSERT INTO installs (account_id, token, title, bot_id, scopes, installed_by)
SELECT id, %(token)s, %(title)s, %(bot)s, %(scopes)s, %(installed_by)s FROM account
ON CONFLICT (account_id) DO UPDATE SET number = DEFAULT, token = excluded.token,
    title = excluded.title, bot_id = excluded.bot_id, scopes = excluded.scopes,
    installed_by = excluded.installed_by, installed_at = now()
RETURNING number
"""
LISTED = """
SELECT name, number, token, title, bot_id, scopes, installed_by, installed_at
FROM installs JOIN accounts ON accounts.id = account_id
WHERE channel = %(channel)s ORDER BY installs.number
"""
RESEAL = """
UPDATE installs SET token = %(token)s WHERE number = %(number)s AND token = %(before)s
RETURNING number
"""
# The attempt is counted up, so that whoever shows one of these replies writes nothing more.
END = """
WITH gone AS (
    DELETE FROM installs USING accounts WHERE accounts.id = installs.account_id
        AND channel = %(channel)s AND name = %(name)s AND number = %(number)s
    RETURNING installs.account_id
), ended AS (
    UPDATE deliveries SET state = 'failed', error = 'uninstalled', attempt = attempt + 1,
        lease_owner = NULL, lease_until = NULL, finished_at = now()
    FROM gone WHERE deliveries.account_id = gone.account_id
        AND deliveries.state IN ('pending', 'active', 'removing')
)
SELECT live.id FROM gone LEFT JOIN (
    SELECT turns.id, account_id FROM turns
    JOIN conversations ON conversations.id = conversation_id
    WHERE turns.state IN ('queued', 'running')
) AS live ON live.account_id = gone.account_id
"""


@dataclass(frozen=True, slots=True)
class Install:
    """`number` is never given twice: an account that is installed anew has another one.

    `title` is what people call the place, and `bot_id` what we are there.
    """

    account: str
    number: int
    token: str  # sealed
    title: str
    bot_id: str
    scopes: str = ""
    installed_by: str = ""


@dataclass(frozen=True, slots=True)
class Installs:
    """Those on one channel. Every call raises StorageUnavailable."""

    database: Database
    channel: str

    async def listed(self) -> Sequence[Install]:
        return [_install(row) for row in await self._rows(LISTED)]

    async def keep(
        self, account: str, token: str, *, title: str, bot_id: str, scopes: str, installed_by: str
    ) -> int:
        """Its number, once it is committed. The account must be registered. An install that stands
        is replaced, and its replies go on."""
        (row,) = await self._rows(
            KEEP,
            name=account,
            token=token,
            title=title,
            bot=bot_id,
            scopes=scopes,
            installed_by=installed_by,
        )
        return int(row.number)

    async def reseal(self, install: Install, token: str) -> bool:
        """Put another seal on the same token; False where it was replaced meanwhile."""
        values = {"token": token, "before": install.token, "number": install.number}
        return bool(await self._rows(RESEAL, **values))

    async def end(self, account: str, number: int) -> Sequence[int] | None:
        """Forget the token, and end what is open. The ids of the account's turns that wait or run.

        None where this install had ended before, or another one came in its place.
        """
        rows = await self._rows(END, name=account, number=number)
        return [row.id for row in rows if row.id is not None] if rows else None

    async def _rows(self, statement: str, **values: object) -> Sequence[Any]:
        return await self.database.rows(statement, {"channel": self.channel, **values})


def _install(row: Any) -> Install:
    return Install(
        row.name, row.number, row.token, row.title, row.bot_id, row.scopes, row.installed_by
    )
