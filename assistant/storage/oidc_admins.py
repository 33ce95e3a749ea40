"""Admins who come by another's sign-in (OpenID Connect): found by whom it says they are.

Their role is what their groups are worth, at each sign-in anew; the name is only what they are
called here, and never lets anybody into an account that is there already.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from assistant.roles import Role
from assistant.storage.admin_changes import END_SESSIONS, SET_ROLE, refused
from assistant.storage.admins import COLUMNS, Admin, admin_of
from assistant.storage.audit import Actor, note
from assistant.storage.database import Connection, Database, row, rows

FIND = f"SELECT {COLUMNS} FROM admins WHERE subject = %(subject)s FOR UPDATE"
# By the first of these names that nobody has.
CREATE = f"""
INSERT INTO admins (name, role, subject)
SELECT wanted.name, %(role)s, %(subject)s
FROM unnest(%(names)s::text[]) WITH ORDINALITY AS wanted (name, place)
WHERE NOT EXISTS (SELECT FROM admins AS one WHERE lower(one.name) = lower(wanted.name))
ORDER BY wanted.place LIMIT 1
ON CONFLICT DO NOTHING RETURNING {COLUMNS}
"""


@dataclass(frozen=True, slots=True)
class OidcAdmins:
    """All raise StorageUnavailable."""

    database: Database

    async def arrived(self, subject: str, name: str, role: Role, address: str) -> Admin:
        """Who it is, made where they are new, with this role from now on. Raises ChangeRefused
        where two came at the same moment. One who is disabled stays so, with the role they had."""
        async with self.database.transaction() as connection:
            found = await row(connection, FIND, {"subject": subject})
            if found is None:
                return await _made(connection, subject, name, role, address)
            admin = admin_of(found)
            if admin.role == role or admin.disabled_at is not None:
                return admin
            await rows(connection, SET_ROLE, {"admin": admin.id, "role": role})
            actor, target = Actor("admin", admin.id, admin.name, address), f"admin:{admin.id}"
            change = {"role": admin.role}, {"role": role}
            await note(connection, actor, "admin.role_changed", target, *change)
            again = await row(connection, FIND, {"subject": subject})
        return admin_of(again)

    async def turned_away(self, subject: str, reason: str, address: str) -> None:
        """They may not come in any more: what they had open ends."""
        async with self.database.transaction() as connection:
            found = await row(connection, FIND, {"subject": subject})
            if found is not None:
                await rows(connection, END_SESSIONS, {"admin": found.id})
            target = "admin:unknown" if found is None else f"admin:{found.id}"
            actor, after = Actor("admin", 0, "", address), {"reason": reason, "subject": subject}
            await note(connection, actor, "admin.sign_in_refused", target, None, after)


async def _made(connection: Connection, subject: str, name: str, role: Role, address: str) -> Admin:
    names = [name, f"{name} ({secrets.token_hex(3)})"]
    values = {"subject": subject, "role": role, "names": names}
    found = await row(connection, CREATE, values)
    if found is None:
        raise refused("taken_meanwhile")
    admin = admin_of(found)
    actor, after = Actor("admin", admin.id, admin.name, address), {"name": admin.name, "role": role}
    await note(connection, actor, "admin.created", f"admin:{admin.id}", None, after)
    return admin
