"""Entry: who may come in to an account, as the settings and the admins have it at this moment.

What admins decide while Outrider runs is known here, two seconds old at most, in every process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from assistant.accounts import Account
from assistant.messages import Access
from assistant.storage.database import Database

SECONDS = 2.0

# Accounts about which anything was decided.
DECIDED = """
SELECT accounts.id, account_access.access,
    coalesce((SELECT array_agg(entry) FROM allowlist WHERE account_id = accounts.id), '{}')
        AS allowlist,
    EXISTS (SELECT FROM identities
        WHERE account_id = accounts.id AND identities.access = 'blocked') AS blocks
FROM accounts LEFT JOIN account_access ON account_id = accounts.id
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """`blocks`: somebody is kept out there."""

    access: Access
    allowlist: frozenset[str]
    blocks: bool


@dataclass(frozen=True, slots=True)
class _Decided:
    access: Access | None
    allowlist: frozenset[str]
    blocks: bool


_NOTHING = _Decided(None, frozenset(), blocks=False)


@dataclass(slots=True)
class Entries:
    database: Database
    clock: Callable[[], float] = time.monotonic  # seconds
    _known: Mapping[int, _Decided] = field(default_factory=dict, init=False)
    _read_at: float | None = field(default=None, init=False)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def of(self, account: Account) -> Entry:
        """Raises StorageUnavailable."""
        if self._stale():
            async with self._reading:
                if self._stale():
                    await self._read()
        decided = self._known.get(account.id, _NOTHING)
        return Entry(
            decided.access or account.access,
            account.allowlist | decided.allowlist,
            decided.blocks,
        )

    def _stale(self) -> bool:
        return self._read_at is None or self.clock() - self._read_at >= SECONDS

    async def _read(self) -> None:
        rows = await self.database.rows(DECIDED)
        self._known = {
            row.id: _Decided(row.access, frozenset(row.allowlist), row.blocks) for row in rows
        }
        self._read_at = self.clock()
