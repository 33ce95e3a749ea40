"""Admins' passwords: argon2, with the library's own parameters, which grow with its releases."""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

LEAST_CHARACTERS = 12
MOST_CHARACTERS = 1000
_HASHER = PasswordHasher()
# Verified where there is no such admin, so that the time says nothing about who there is.
_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))


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


def _verified(known: str, password: str) -> bool:
    try:
        return _HASHER.verify(known, password)
    except (Argon2Error, InvalidHashError):
        return False
