"""Accounts: our bots on the channels. The environment's token is the account `default`."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from assistant.another_bot import make_way
from assistant.messages import Access
from assistant.storage.database import Database, rows

log = structlog.get_logger()

REGISTER = """
INSERT INTO accounts (channel, name, access, bot)
VALUES (%(channel)s, %(name)s, %(access)s, %(bot)s)
ON CONFLICT (channel, name) DO UPDATE SET access = excluded.access,
    bot = coalesce(nullif(excluded.bot, ''), accounts.bot)
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Account:
    """`delivered`: replies are pushed to the platform (the web and the API fetch theirs)."""

    id: int
    channel: str
    name: str
    access: Access
    allowlist: frozenset[str]
    delivered: bool


@dataclass(slots=True)
class Accounts:
    """The accounts that this process serves, known after `register`."""

    database: Database
    _known: dict[tuple[str, str], Account] = field(default_factory=dict, init=False)

    async def register(
        self,
        channel: str,
        name: str,
        *,
        access: Access = "open",
        allowlist: frozenset[str] = frozenset(),
        delivered: bool = True,
        bot_id: str = "",
    ) -> Account:
        """`bot_id`: the platform's, where it is known; another one than before begins anew."""
        values = {"channel": channel, "name": name, "access": access, "bot": bot_id}
        async with self.database.transaction() as connection:
            left = await make_way(connection, channel, name, bot_id) if bot_id else None
            (row,) = await rows(connection, REGISTER, values)
        if left is not None:
            log.warning(
                "account_begins_anew",
                channel=channel,
                account=name,
                bot=bot_id,
                before=left.bot_id,
                kept_as=left.name,
            )
        account = Account(row.id, channel, name, access, allowlist, delivered)
        self._known[channel, name] = account
        return account

    def get(self, channel: str, name: str) -> Account:
        """Raises KeyError for an account that nobody registered: a fault of ours."""
        return self._known[channel, name]
