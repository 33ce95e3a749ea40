"""The keys of the API: made, listed, revoked, and those that open something now.

Only a hash is stored. SHA-256 is enough, and an expensive hash as for passwords would be wrong: a
key is 256 random bits, so that nobody can try them out, with whatever hash; and it is hashed anew
with each request.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, get_args

import psycopg

from assistant.errors import KeyRefused
from assistant.storage.database import Database

ModelScope = Literal["chat", "completions", "embeddings", "models"]
# What an admin does in the dashboard, by role. No key has one of these unless it was given it.
AdminScope = Literal["admin.view", "admin.operate", "admin.manage"]
Scope = ModelScope | AdminScope
SCOPES: tuple[Scope, ...] = get_args(ModelScope)
ADMIN_SCOPES: tuple[Scope, ...] = get_args(AdminScope)

BEGINNING = "sk-outrider-"
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
    ) -> tuple[ApiKey, str]:
        """The key, and its secret, which nobody can ever read again.

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
            (row,) = await self.database.rows(CREATE, values)
        except psycopg.errors.UniqueViolation:
            raise KeyRefused(
                f"There is a key {name} already: revoke it first, or take another name."
            ) from None
        return _key(row), secret

    async def listed(self) -> Sequence[ApiKey]:
        """All, also those that open nothing any more, oldest first."""
        return [_key(row) for row in await self.database.rows(LISTED)]

    async def live(self) -> dict[bytes, ApiKey]:
        """Those that open something now, by their hashes."""
        return {bytes(row.hash): _key(row) for row in await self.database.rows(LIVE)}

    async def revoke(self, which: str) -> ApiKey:
        """By its name or its prefix. Raises KeyRefused where that names no key, or two."""
        row = await self.database.row(REVOKE, {"which": which})
        if row is None:
            raise KeyRefused(
                f"{which} names no key that could be revoked: 'outrider keys list' shows them all."
            )
        return _key(row)

    async def used(self, key: ApiKey) -> None:
        """Remember that it was used now; written at most once in USED_SECONDS."""
        await self.database.rows(USED, {"key": key.id, "seconds": USED_SECONDS})


def _key(row: Any) -> ApiKey:
    values = {one.name: getattr(row, one.name) for one in fields(ApiKey)}
    return ApiKey(**{**values, "scopes": tuple(values["scopes"])})
