"""Who may talk to which account, and who asks to be let in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from assistant.incoming.admittance import WITHOUT_LIST
from assistant.messages import Access
from assistant.storage.database import Database

REQUESTS_SHOWN = 100
ENTRIES_SHOWN = 300  # of all lists together, the latest

ACCOUNTS = """
SELECT accounts.id, channel, accounts.name, accounts.access AS set_to, account_access.access AS
    chosen, (SELECT count(*) FROM identities
        WHERE account_id = accounts.id AND identities.access = 'blocked') AS blocked, (
        SELECT count(*) FROM allowlist WHERE account_id = accounts.id) AS entries
FROM accounts LEFT JOIN account_access ON account_id = accounts.id
WHERE channel <> ALL(%(without)s) ORDER BY channel, accounts.name
"""
LISTED = """
SELECT account_id, entry, note, added_at FROM allowlist
ORDER BY added_at DESC, entry LIMIT %(limit)s
"""
REQUESTS = """
SELECT identities.id, person_id, channel, accounts.name AS account, platform_id, identities.name,
    pairing_code AS code, identities.created_at
FROM identities JOIN accounts ON accounts.id = account_id
WHERE pairing_code IS NOT NULL ORDER BY identities.created_at DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Listed:
    entry: str
    note: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class AccountDoor:
    """`set_to` is the settings' rule, `chosen` an admin's, which goes before it. `listed` may be
    fewer than the `entries` of its list: the latest."""

    id: int
    channel: str
    name: str
    set_to: Access
    chosen: Access | None
    blocked: int
    entries: int
    listed: Sequence[Listed]

    @property
    def access(self) -> Access:
        return self.chosen or self.set_to


@dataclass(frozen=True, slots=True)
class PairingRequest:
    """`id` is the identity's. `code` is what the person was given."""

    id: int
    person_id: int
    channel: str
    account: str
    platform_id: str
    name: str
    code: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Doors:
    """All raise StorageUnavailable."""

    database: Database

    async def accounts(self) -> Sequence[AccountDoor]:
        """Those that people find on a platform. What the settings list is not among `listed`."""
        listed: dict[int, list[Listed]] = {}
        for one in await self.database.rows(LISTED, {"limit": ENTRIES_SHOWN}):
            listed.setdefault(one.account_id, []).append(Listed(one.entry, one.note, one.added_at))
        rows = await self.database.rows(ACCOUNTS, {"without": sorted(WITHOUT_LIST)})
        return [
            AccountDoor(
                one.id,
                one.channel,
                one.name,
                one.set_to,
                one.chosen,
                one.blocked,
                one.entries,
                listed.get(one.id, ()),
            )
            for one in rows
        ]

    async def requests(self) -> Sequence[PairingRequest]:
        """Who waits to be let in, the latest first, REQUESTS_SHOWN of them."""
        rows = await self.database.rows(REQUESTS, {"limit": REQUESTS_SHOWN})
        return [PairingRequest(*one) for one in rows]
