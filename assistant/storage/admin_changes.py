"""What one admin changes of another. There is always an admin left who can change the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assistant.errors import ChangeRefused
from assistant.roles import Role
from assistant.storage.admins import COLUMNS, CREATE, END_ALL, REHASH, Admin, admin_of, hashed
from assistant.storage.audit import Actor, note
from assistant.storage.database import Connection, Database, row, rows
from assistant.storage.second_factors import REMOVE

# Always held first and in this order: of two who would take the last but one at once, the second
# sees what the first did.
HOLD_ADMINS = """
SELECT id FROM admins WHERE role = 'admin' AND disabled_at IS NULL ORDER BY id FOR UPDATE
"""
HOLD = f"SELECT {COLUMNS} FROM admins WHERE id = %(admin)s FOR UPDATE"
SET_ROLE = "UPDATE admins SET role = %(role)s WHERE id = %(admin)s"
DISABLE = "UPDATE admins SET disabled_at = now() WHERE id = %(admin)s"
ENABLE = "UPDATE admins SET disabled_at = NULL WHERE id = %(admin)s"
END_SESSIONS = "DELETE FROM admin_sessions WHERE admin_id = %(admin)s RETURNING hash"
LET_IN_AGAIN = f"""
UPDATE admins SET password_hash = %(hash)s, disabled_at = NULL
WHERE lower(name) = lower(%(name)s) AND subject IS NULL RETURNING {COLUMNS}
"""

# Who does it at the server itself, whom nobody has asked who they are.
AT_THE_SERVER = Actor("admin", 0, "outrider admins reset", "")
NONE_BUT_THAT = hashed("")  # of no cookie: all sign-ins end


@dataclass(frozen=True, slots=True)
class AdminChanges:
    """Each raises StorageUnavailable, and ChangeRefused with one of the codes of `refused`."""

    database: Database

    async def create(self, name: str, role: Role, password_hash: str, actor: Actor) -> Admin:
        values = {"name": name, "role": role, "hash": password_hash}
        async with self.database.transaction() as connection:
            found = await row(connection, CREATE, values)
            if found is None:
                raise refused("name_taken")
            made = admin_of(found)
            after = {"name": name, "role": role}
            await note(connection, actor, "admin.created", f"admin:{made.id}", None, after)
        return made

    async def set_role(self, admin_id: int, role: Role, actor: Actor) -> None:
        async with self.database.transaction() as connection:
            admin, last = await _held(connection, admin_id, actor)
            if admin.subject:
                raise refused("role_of_groups")
            if last and role != "admin":
                raise refused("last_admin")
            if admin.role != role:
                await rows(connection, SET_ROLE, {"admin": admin_id, "role": role})
                change = {"role": admin.role}, {"role": role}
                await _note(connection, actor, "admin.role_changed", admin_id, *change)

    async def disable(self, admin_id: int, actor: Actor) -> None:
        """Ends their sign-ins as well."""
        async with self.database.transaction() as connection:
            admin, last = await _held(connection, admin_id, actor)
            if last:
                raise refused("last_admin")
            if admin.disabled_at is None:
                await rows(connection, DISABLE, {"admin": admin_id})
                await rows(connection, END_SESSIONS, {"admin": admin_id})
                await _note(connection, actor, "admin.disabled", admin_id)

    async def enable(self, admin_id: int, actor: Actor) -> None:
        async with self.database.transaction() as connection:
            admin, _ = await _held(connection, admin_id, actor)
            if admin.disabled_at is not None:
                await rows(connection, ENABLE, {"admin": admin_id})
                await _note(connection, actor, "admin.enabled", admin_id)

    async def end_sessions(self, admin_id: int, actor: Actor) -> int:
        """All of them, also one's own; returns how many there were."""
        async with self.database.transaction() as connection:
            if await row(connection, HOLD, {"admin": admin_id}) is None:
                raise refused("gone")
            ended = len(await rows(connection, END_SESSIONS, {"admin": admin_id}))
            if ended:
                after = {"sessions": ended}
                await _note(connection, actor, "admin.sessions_ended", admin_id, None, after)
        return ended

    async def reset_password(self, admin_id: int, password_hash: str, actor: Actor) -> Admin:
        """Ends their sign-ins as well."""
        async with self.database.transaction() as connection:
            admin, _ = await _held(connection, admin_id, actor)
            if admin.subject:
                raise refused("no_password")
            await rows(connection, REHASH, {"admin": admin_id, "hash": password_hash})
            await rows(connection, END_ALL, {"admin": admin_id, "but": NONE_BUT_THAT})
            await _note(connection, actor, "admin.password_reset", admin_id)
        return admin

    async def reset_second_factor(self, admin_id: int, actor: Actor) -> None:
        async with self.database.transaction() as connection:
            admin, _ = await _held(connection, admin_id, actor)
            if not admin.totp:
                raise refused("no_second_factor")
            await rows(connection, REMOVE, {"admin": admin_id})
            await _note(connection, actor, "admin.second_factor_reset", admin_id)

    async def let_in_again(self, name: str, password_hash: str) -> Admin:
        """By somebody at the server: a new password, no second factor, and enabled."""
        async with self.database.transaction() as connection:
            values = {"name": name, "hash": password_hash}
            found = await row(connection, LET_IN_AGAIN, values)
            if found is None:
                raise refused("gone")
            await rows(connection, REMOVE, {"admin": found.id})
            await rows(connection, END_SESSIONS, {"admin": found.id})
            await _note(connection, AT_THE_SERVER, "admin.let_in_again", found.id)
        return admin_of(found)


_SENTENCES: Mapping[str, str] = {
    "gone": "There is no such admin.",
    "name_taken": "There is an admin of this name already: take another name.",
    "last_admin": "This is the last admin: make somebody else an admin first.",
    "own_account": "Nobody does this to their own account here: ask another admin.",
    "role_of_groups": "This admin's role comes from their groups: change these at the provider.",
    "no_password": "This admin signs in by the provider and has no password here.",
    "no_second_factor": "This admin has no second factor.",
    "taken_meanwhile": "Somebody else was made an admin at the same moment: try again.",
}


def refused(code: str) -> ChangeRefused:
    return ChangeRefused(code, _SENTENCES[code])


async def _held(connection: Connection, admin_id: int, actor: Actor) -> tuple[Admin, bool]:
    """The admin, held until the transaction's end, and whether no other could go on."""
    if actor.kind == "admin" and actor.id == admin_id:
        raise refused("own_account")
    open_admins = [one.id for one in await rows(connection, HOLD_ADMINS)]
    found = await row(connection, HOLD, {"admin": admin_id})
    if found is None:
        raise refused("gone")
    return admin_of(found), open_admins == [admin_id]


async def _note(
    connection: Connection,
    actor: Actor,
    action: str,
    admin_id: int,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    await note(connection, actor, action, f"admin:{admin_id}", before, after)
