"""The keys of the API: made, listed, revoked, and those that open something now.

Only a hash is stored. SHA-256 is enough, and an expensive hash as for passwords would be wrong: a
key is 256 random bits, so that nobody can try them out, with whatever hash; and it is hashed anew
with each request.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, get_args

import psycopg

from assistant.errors import KeyRefused
from assistant.storage.audit import Actor, note
from assistant.storage.database import Database, row, rows

ModelScope = Literal["chat", "completions", "embeddings", "models"]
# What an admin does in the dashboard, by role. No key has one of these unless it was given it.
AdminScope = Literal["admin.view", "admin.operate", "admin.manage"]
Scope = ModelScope | AdminScope
SCOPES: tuple[Scope, ...] = get_args(ModelScope)
ADMIN_SCOPES: tuple[Scope, ...] = get_args(AdminScope)

BEGINNING = "sk-outrider-"
DEFAULT_NAME = "default"  # of the key of the settings, or of the file in the data directory
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LARGEST_REQUESTS = 1_000_000  # that a limit may be, in a minute
LARGEST_TOKENS = 2**53  # and in a day
SHOWN_CHARACTERS = 6  # of the secret, as a part of the prefix; the rest is far more than 200 bits
USED_SECONDS = 60.0

_COLUMNS = """id, name, prefix, scopes, requests_per_minute, tokens_per_day, background,
    created_at, last_used_at, expires_at, revoked_at"""
CREATE = f"""
INSERT INTO api_keys
    (name, hash, prefix, scopes, requests_per_minute, tokens_per_day, background, expires_at)
VALUES (%(name)s, %(hash)s, %(prefix)s, %(scopes)s::text[], %(requests_per_minute)s,
    %(tokens_per_day)s, %(background)s, %(expires_at)s)
RETURNING {_COLUMNS}
"""
LISTED = f"SELECT {_COLUMNS} FROM api_keys ORDER BY id"
PAGE = f"""
SELECT {_COLUMNS} FROM api_keys WHERE id < %(before)s ORDER BY id DESC LIMIT %(limit)s
"""
LIVE = f"""
SELECT {_COLUMNS}, hash FROM api_keys
WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
"""
REVOKE = f"""
UPDATE api_keys SET revoked_at = now()
WHERE revoked_at IS NULL AND (name = %(which)s OR prefix = %(which)s)
    -- The beginning of two keys names neither.
    AND (SELECT count(*) FROM api_keys AS one WHERE revoked_at IS NULL
        AND (one.name = %(which)s OR one.prefix = %(which)s)) = 1
RETURNING {_COLUMNS}
"""
REVOKE_ONE = f"""
UPDATE api_keys SET revoked_at = now() WHERE id = %(key)s AND revoked_at IS NULL
RETURNING {_COLUMNS}
"""
USED = """
UPDATE api_keys SET last_used_at = now()
WHERE id = %(key)s AND (last_used_at IS NULL
    OR last_used_at < now() - make_interval(secs => %(seconds)s))
"""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. None of a limit or a time: there is none."""

    id: int
    name: str
    prefix: str = ""
    scopes: tuple[Scope, ...] = SCOPES
    requests_per_minute: int | None = None
    tokens_per_day: int | None = None
    background: bool = False
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


def hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """Every call raises StorageUnavailable."""

    database: Database

    async def create(
        self,
        name: str,
        *,
        scopes: Sequence[Scope] = SCOPES,
        requests_per_minute: int | None = None,
        tokens_per_day: int | None = None,
        background: bool = False,
        expires_at: datetime | None = None,
        actor: Actor | None = None,
    ) -> tuple[ApiKey, str]:
        """The key, and its secret, which nobody can ever read again. `actor` None: it is somebody
        at the server itself, whom no audit log knows.

        Raises KeyRefused where a key of this name stands already.
        """
        secret = BEGINNING + secrets.token_urlsafe(32)
        values = {
            "name": name,
            "hash": hashed(secret),
            "prefix": secret[: len(BEGINNING) + SHOWN_CHARACTERS],
            "scopes": list(scopes),
            "requests_per_minute": requests_per_minute,
            "tokens_per_day": tokens_per_day,
            "background": background,
            "expires_at": expires_at,
        }
        try:
            async with self.database.transaction() as connection:
                (made,) = await rows(connection, CREATE, values)
                if actor is not None:
                    after = _limits(_key(made))
                    await note(connection, actor, "key.created", f"key:{made.id}", None, after)
        except psycopg.errors.UniqueViolation:
            raise KeyRefused(
                f"There is a key {name} already: revoke it first, or take another name."
            ) from None
        return _key(made), secret

    async def page(self, limit: int, before: int) -> Sequence[ApiKey]:
        """The newest first, also those that open nothing any more; goes on below an id."""
        values = {"limit": limit, "before": before}
        return [_key(one) for one in await self.database.rows(PAGE, values)]

    async def listed(self) -> Sequence[ApiKey]:
        """All, also those that open nothing any more, oldest first."""
        return [_key(one) for one in await self.database.rows(LISTED)]

    async def live(self) -> dict[bytes, ApiKey]:
        """Those that open something now, by their hashes."""
        return {bytes(one.hash): _key(one) for one in await self.database.rows(LIVE)}

    async def revoke(self, which: str) -> ApiKey:
        """By its name or its prefix. Raises KeyRefused where that names no key, or two."""
        found = await self.database.row(REVOKE, {"which": which})
        if found is None:
            raise KeyRefused(
                f"{which} names no key that could be revoked: 'outrider keys list' shows them all."
            )
        return _key(found)

    async def revoke_one(self, key_id: int, actor: Actor) -> ApiKey | None:
        """None where there is none of this id that opens anything."""
        async with self.database.transaction() as connection:
            found = await row(connection, REVOKE_ONE, {"key": key_id})
            if found is None:
                return None
            before = {"name": found.name, "prefix": found.prefix}
            await note(connection, actor, "key.revoked", f"key:{key_id}", before)
        return _key(found)

    async def used(self, key: ApiKey) -> None:
        """Remember that it was used now; written at most once in USED_SECONDS."""
        await self.database.rows(USED, {"key": key.id, "seconds": USED_SECONDS})


def _limits(key: ApiKey) -> dict[str, object]:
    """What the audit log keeps of one: what it may."""
    return {
        "name": key.name,
        "prefix": key.prefix,
        "scopes": list(key.scopes),
        "requests_per_minute": key.requests_per_minute,
        "tokens_per_day": key.tokens_per_day,
        "background": key.background,
        "expires_at": key.expires_at,
    }


def _key(found: Any) -> ApiKey:
    values = {one.name: getattr(found, one.name) for one in fields(ApiKey)}
    return ApiKey(**{**values, "scopes": tuple(values["scopes"])})
