"""Accounts: our bots on the channels. The environment's token is the account `default`."""

from __future__ import annotations

from dataclasses import dataclass, field

from assistant.messages import Access
from assistant.storage.database import Database

REGISTER = """
INSERT INTO accounts (channel, name, access) VALUES (%(channel)s, %(name)s, %(access)s)
ON CONFLICT (channel, name) DO UPDATE SET access = excluded.access RETURNING id
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
    ) -> Account:
        values = {"channel": channel, "name": name, "access": access}
        (row,) = await self.database.rows(REGISTER, values)
        account = Account(row.id, channel, name, access, allowlist, delivered)
        self._known[channel, name] = account
        return account

    def get(self, channel: str, name: str) -> Account:
        """Raises KeyError for an account that nobody registered: a fault of ours."""
        return self._known[channel, name]
