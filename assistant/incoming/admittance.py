"""Admittance: what admins decide about who may talk, while Outrider runs.

Every process goes by it within two seconds. Each change stands in the audit log, in the same
transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import psycopg

from assistant.errors import ChangeRefused
from assistant.incoming.links import parted
from assistant.messages import Access, clean
from assistant.storage.audit import Actor, note
from assistant.storage.database import Database, row, rows

Standing = Literal["pending", "allowed", "blocked"]
ENTRY_CHARACTERS = 200
NOTE_CHARACTERS = 500

# A code that was asked for is spent by any decision.
STAND = """
UPDATE identities SET access = %(access)s, pairing_code = NULL
FROM (SELECT id, access, pairing_code IS NOT NULL AS asked FROM identities
    WHERE id = %(identity)s FOR UPDATE) AS before
WHERE identities.id = before.id
RETURNING before.access, before.asked, identities.name, identities.person_id
"""
STAND_ALL = """
UPDATE identities SET access = %(access)s, pairing_code = NULL
FROM (SELECT id, access FROM identities WHERE person_id = %(person)s ORDER BY id FOR UPDATE)
    AS before
WHERE identities.id = before.id RETURNING identities.id, before.access
"""
LIVE = "SELECT id FROM turns WHERE person_id = %(person)s AND state IN ('queued', 'running')"
ACCOUNT = """
SELECT channel, name, (SELECT access FROM account_access WHERE account_id = accounts.id) AS chosen
FROM accounts WHERE id = %(account)s FOR UPDATE
"""
CHOOSE = """
INSERT INTO account_access (account_id, access) VALUES (%(account)s, %(access)s)
ON CONFLICT (account_id) DO UPDATE SET access = excluded.access, changed_at = now()
"""
LEAVE = "DELETE FROM account_access WHERE account_id = %(account)s"
LIST = """
INSERT INTO allowlist (account_id, entry, note) VALUES (%(account)s, %(entry)s, %(note)s)
ON CONFLICT (account_id, entry) DO UPDATE SET note = excluded.note
RETURNING entry
"""
UNLIST = """
DELETE FROM allowlist WHERE account_id = %(account)s AND entry = %(entry)s RETURNING note
"""
# Whose people come in by doors of their own.
WITHOUT_LIST = frozenset({"web", "api", "admin"})


@dataclass(frozen=True, slots=True)
class Admittance:
    """All raise StorageUnavailable, and ChangeRefused, in words: then nothing was changed."""

    database: Database

    async def stand(self, actor: Actor, identity_id: int, access: Standing) -> int:
        """Let an identity in, keep it out, or neither: then the account's own rule holds. The id of
        its person."""
        async with self.database.transaction() as connection:
            found = await row(connection, STAND, {"identity": identity_id, "access": access})
            if found is None:
                raise ChangeRefused("no_identity", "There is no such identity.")
            decided = {"allowed": "pairing.confirmed", "pending": "pairing.declined"}
            action = decided.get(access, "access.set") if found.asked else "access.set"
            before = {"access": found.access, "asked": found.asked}
            target = f"identity:{identity_id}"
            await note(connection, actor, action, target, before, {"access": access})
        return int(found.person_id)

    async def stand_all(self, actor: Actor, person_id: int, access: Standing) -> Sequence[int]:
        """All of a person's identities. The ids of their turns that wait or run: whoever blocks
        somebody stops them."""
        values = {"person": person_id, "access": access}
        async with self.database.transaction() as connection:
            found = await rows(connection, STAND_ALL, values)
            if not found:
                raise ChangeRefused("no_person", "There is no such person.")
            before = {str(one.id): one.access for one in found}
            action = "person.blocked" if access == "blocked" else "person.access_set"
            await note(connection, actor, action, f"person:{person_id}", before, {"access": access})
            live = await rows(connection, LIVE, values)
        return [one.id for one in live]

    async def part(self, actor: Actor, identity_id: int) -> int:
        """Make a person of its own of an identity; the new person's id."""
        async with self.database.transaction() as connection:
            person = await parted(connection, identity_id)
            if person is None:
                raise ChangeRefused("not_linked", "This identity is linked with no other.")
            after = {"person": person}
            await note(connection, actor, "identity.parted", f"identity:{identity_id}", None, after)
        return person

    async def choose(self, actor: Actor, account_id: int, access: Access | None) -> None:
        """Who may talk to an account from now on; None: as the settings say."""
        values = {"account": account_id, "access": access}
        async with self.database.transaction() as connection:
            found = await row(connection, ACCOUNT, values)
            if found is None:
                raise ChangeRefused("no_account", "There is no such account.")
            if found.channel in WITHOUT_LIST:
                raise ChangeRefused(
                    "set_elsewhere",
                    f"Who may use the {found.channel} account is set elsewhere.",
                    {"channel": found.channel},
                )
            await row(connection, LEAVE if access is None else CHOOSE, values)
            await note(
                connection,
                actor,
                "account.access_set",
                f"account:{account_id}",
                {"access": found.chosen},
                {"access": access},
            )

    async def enlist(self, actor: Actor, account_id: int, entry: str, why: str = "") -> str:
        """Put a person's, a group's or a workspace's id on an account's list. The entry as kept."""
        kept = clean(entry).strip()
        if not kept or len(kept) > ENTRY_CHARACTERS:
            raise ChangeRefused(
                "bad_entry",
                "Write the platform's id of a person, a group or a workspace,"
                f" at most {ENTRY_CHARACTERS} characters.",
                {"most": str(ENTRY_CHARACTERS)},
            )
        reason = clean(why).strip()[:NOTE_CHARACTERS]
        values = {"account": account_id, "entry": kept, "note": reason}
        async with self.database.transaction() as connection:
            try:
                await row(connection, LIST, values)
            except psycopg.errors.ForeignKeyViolation as error:
                raise ChangeRefused("no_account", "There is no such account.") from error
            target, after = f"account:{account_id}", {"entry": kept, "note": reason}
            await note(connection, actor, "allowlist.added", target, None, after)
        return kept

    async def unlist(self, actor: Actor, account_id: int, entry: str) -> None:
        values = {"account": account_id, "entry": entry}
        async with self.database.transaction() as connection:
            found = await row(connection, UNLIST, values)
            if found is None:
                raise ChangeRefused(
                    "not_listed",
                    "This isn't on the list of the dashboard. What the settings list is taken away"
                    " there.",
                )
            before = {"entry": entry, "note": found.note}
            await note(
                connection, actor, "allowlist.removed", f"account:{account_id}", before, None
            )
