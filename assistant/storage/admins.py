"""Admins of the dashboard, and their sign-ins. What a password hash is, only the pages know."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from assistant.roles import ROLES, Role
from assistant.storage.audit import Actor, note
from assistant.storage.database import Database, row, rows

IDLE_SECONDS = 12 * 3600
LONGEST_SECONDS = 7 * 24 * 3600
MOST = 500  # that are listed
SEEN_SECONDS = 60.0  # how often it is written that a sign-in is in use

COLUMNS = """admins.id, admins.name, admins.role, admins.language, admins.created_at,
    admins.seen_at, admins.disabled_at, admins.totp_secret IS NOT NULL AS totp,
    admins.password_hash IS NOT NULL AS password, coalesce(admins.subject, '') AS subject"""
ANY = "SELECT FROM admins LIMIT 1"
FIND = f"SELECT {COLUMNS}, password_hash FROM admins WHERE lower(name) = lower(%(name)s)"
GET = f"SELECT {COLUMNS} FROM admins WHERE id = %(admin)s"
# Who may still come in first; there are few.
LISTED = f"""
SELECT {COLUMNS} FROM admins
ORDER BY disabled_at IS NOT NULL, lower(name), id LIMIT %(limit)s
"""
CREATE = f"""
INSERT INTO admins (name, role, password_hash) VALUES (%(name)s, %(role)s, %(hash)s)
ON CONFLICT (lower(name)) DO NOTHING RETURNING {COLUMNS}
"""
REHASH = "UPDATE admins SET password_hash = %(hash)s WHERE id = %(admin)s"
# Where nobody is left who could let others in.
RESCUE = """
UPDATE admins SET role = 'admin', disabled_at = NULL
WHERE id = %(admin)s AND NOT EXISTS (
    SELECT FROM admins AS one WHERE one.role = 'admin' AND one.disabled_at IS NULL)
"""
LANGUAGE = "UPDATE admins SET language = %(language)s WHERE id = %(admin)s"
END_ALL = "DELETE FROM admin_sessions WHERE admin_id = %(admin)s AND hash <> %(but)s"
BEGIN = """
WITH seen AS (UPDATE admins SET seen_at = now() WHERE id = %(admin)s)
INSERT INTO admin_sessions (hash, admin_id, address, agent)
VALUES (%(hash)s, %(admin)s, %(address)s, %(agent)s)
"""
LIVE = f"""
SELECT {COLUMNS}, admin_sessions.seen_at < now() - make_interval(secs => %(seen)s) AS unnoted
FROM admin_sessions JOIN admins ON admins.id = admin_id
WHERE hash = %(hash)s AND disabled_at IS NULL
    AND admin_sessions.seen_at > now() - make_interval(secs => %(idle)s)
    AND admin_sessions.created_at > now() - make_interval(secs => %(longest)s)
"""
SEEN = """
WITH seen AS (UPDATE admin_sessions SET seen_at = now() WHERE hash = %(hash)s RETURNING admin_id)
UPDATE admins SET seen_at = now() FROM seen WHERE id = admin_id
"""
END = "DELETE FROM admin_sessions WHERE hash = %(hash)s AND admin_id = %(admin)s RETURNING hash"
SESSIONS = """
SELECT hash, address, agent, created_at, seen_at FROM admin_sessions
WHERE admin_id = %(admin)s
    AND seen_at > now() - make_interval(secs => %(idle)s)
    AND created_at > now() - make_interval(secs => %(longest)s)
ORDER BY seen_at DESC
"""
_LIMITS = {"idle": IDLE_SECONDS, "longest": LONGEST_SECONDS, "seen": SEEN_SECONDS}


@dataclass(frozen=True, slots=True)
class Admin:
    """`totp`, `password`: whether there is one. `subject`: of another's sign-in, else empty."""

    id: int
    name: str
    role: Role
    language: str | None
    created_at: datetime
    seen_at: datetime | None
    disabled_at: datetime | None
    totp: bool
    password: bool
    subject: str

    def may(self, role: Role) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True, slots=True)
class AdminSession:
    hash: bytes
    address: str
    agent: str
    created_at: datetime
    seen_at: datetime


def hashed(token: str) -> bytes:
    """Of the cookie, which nobody can guess: see assistant/storage/api_keys.py."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class Admins:
    """All raise StorageUnavailable."""

    database: Database

    async def any(self) -> bool:
        return await self.database.row(ANY) is not None

    async def create(self, name: str, role: Role, password_hash: str | None) -> Admin | None:
        """None where there is one of this name."""
        values = {"name": name, "role": role, "hash": password_hash}
        found = await self.database.row(CREATE, values)
        return None if found is None else admin_of(found)

    async def find(self, name: str) -> tuple[Admin, str] | None:
        """By name, however it is cased, with the password's hash; that is empty where there is
        no password."""
        found = await self.database.row(FIND, {"name": name})
        return None if found is None else (admin_of(found), found.password_hash or "")

    async def get(self, admin_id: int) -> Admin | None:
        found = await self.database.row(GET, {"admin": admin_id})
        return None if found is None else admin_of(found)

    async def listed(self) -> Sequence[Admin]:
        return [admin_of(one) for one in await self.database.rows(LISTED, {"limit": MOST})]

    async def set_password(
        self, admin_id: int, password_hash: str, actor: Actor | None, keep: str = ""
    ) -> None:
        """Ends all their sign-ins but the one whose cookie is `keep`. `actor` None: the settings
        say so."""
        async with self.database.transaction() as connection:
            await rows(connection, REHASH, {"admin": admin_id, "hash": password_hash})
            await rows(connection, END_ALL, {"admin": admin_id, "but": hashed(keep)})
            if actor is not None:
                await note(connection, actor, "admin.password_changed", f"admin:{admin_id}")

    async def rehash(self, admin_id: int, password_hash: str) -> None:
        """The same password, hashed as today's parameters say."""
        await self.database.rows(REHASH, {"admin": admin_id, "hash": password_hash})

    async def rescue(self, admin_id: int) -> None:
        """Make them an admin who may come in, where no other is one."""
        await self.database.rows(RESCUE, {"admin": admin_id})

    async def choose_language(self, admin_id: int, language: str | None) -> None:
        await self.database.rows(LANGUAGE, {"admin": admin_id, "language": language})

    async def begin_session(self, admin_id: int, actor: Actor, agent: str) -> str:
        """The cookie of a new sign-in, which is stored nowhere."""
        token = secrets.token_urlsafe(32)
        values = {
            "hash": hashed(token),
            "admin": admin_id,
            "address": actor.address,
            "agent": agent,
        }
        async with self.database.transaction() as connection:
            await rows(connection, BEGIN, values)
            await note(connection, actor, "admin.signed_in", f"admin:{admin_id}")
        return token

    async def of_session(self, token: str) -> Admin | None:
        """Who is signed in with this cookie."""
        values = {"hash": hashed(token), **_LIMITS}
        found = await self.database.row(LIVE, values)
        if found is None:
            return None
        if found.unnoted:
            await self.database.rows(SEEN, values)
        return admin_of(found)

    async def sessions(self, admin_id: int) -> Sequence[AdminSession]:
        """Those that are open, the one used last first."""
        found = await self.database.rows(SESSIONS, {"admin": admin_id, **_LIMITS})
        return [
            AdminSession(bytes(one.hash), one.address, one.agent, one.created_at, one.seen_at)
            for one in found
        ]

    async def end_session(self, admin_id: int, session: bytes, actor: Actor) -> bool:
        """Whether there was this one, and theirs."""
        async with self.database.transaction() as connection:
            ended = await row(connection, END, {"hash": session, "admin": admin_id})
            if ended is not None:
                await note(connection, actor, "admin.session_ended", f"admin:{admin_id}")
        return ended is not None

    async def end_session_of(self, token: str, actor: Actor) -> bool:
        return await self.end_session(actor.id, hashed(token), actor)


def admin_of(found: Any) -> Admin:
    return Admin(**{one.name: getattr(found, one.name) for one in fields(Admin)})
