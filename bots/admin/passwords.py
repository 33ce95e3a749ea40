"""Admins' passwords: argon2, with the library's own parameters, which grow with its releases."""

from __future__ import annotations

import asyncio
import base64
import secrets
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import ARGON2_VERSION

LEAST_CHARACTERS = 12
MOST_CHARACTERS = 1000
AT_ONCE = 2
MOST_WAITING = 20
_HASHER = PasswordHasher()


class TooBusy(Exception):
    """More passwords wait to be looked at than people would send."""


@dataclass(slots=True)
class PasswordDesk:
    """Looks at few passwords at a time: each takes tens of megabytes and of milliseconds, which
    strangers who try them must not take from the answers that run beside."""

    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _waiting: int = 0

    async def verify(self, known: str, password: str) -> bool:
        """As `verify_password`. Raises TooBusy."""
        if self._waiting >= MOST_WAITING:
            raise TooBusy
        self._waiting += 1
        try:
            async with self._room:
                return await verify_password(known, password)
        finally:
            self._waiting -= 1


def new_password() -> str:
    """For who is given one: 22 characters, 128 bits."""
    return secrets.token_urlsafe(16)


async def hash_password(password: str) -> str:
    return await asyncio.to_thread(_HASHER.hash, password)


async def verify_password(known: str, password: str) -> bool:
    """Off the event loop: it takes tens of milliseconds and as many megabytes, on purpose.

    `known` empty: there is none; it takes as long.
    """
    right = await asyncio.to_thread(_verified, known or _NOBODY, password[:MOST_CHARACTERS])
    return right and bool(known)


def outdated(known: str) -> bool:
    """Whether it was hashed by weaker parameters than today's."""
    return _HASHER.check_needs_rehash(known)


def nobodys() -> str:
    """A hash that no password is known to have, and that takes as long to look at as any: it is
    looked at where there is no such admin, so that the time says nothing about who there is."""
    salt, hashed = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (_HASHER.salt_len, _HASHER.hash_len)
    )
    cost = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${cost}${salt}${hashed}"


_NOBODY = nobodys()


def _verified(known: str, password: str) -> bool:
    try:
        return _HASHER.verify(known, password)
    except (Argon2Error, InvalidHashError):
        return False
