"""Sign-ins that are on their way: begun, good for some minutes, and taken once.

In Redis, so that any replica goes on with what another began. What it loses is begun anew by the
person.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from redis.asyncio import Redis

from assistant.signals import LOST, REDIS_SECONDS
from bots.admin.faults import Fault

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pending:
    """`kind` keeps the tokens of one way apart from those of another. All raise Fault (503) where
    Redis is away."""

    redis: Redis
    kind: str
    seconds: int

    async def begin(self, values: Mapping[str, str]) -> str:
        """A token that nobody can guess; of it only a hash is stored."""
        token = secrets.token_urlsafe(32)
        await _answer(self.redis.set(self._key(token), json.dumps(dict(values)), ex=self.seconds))
        return token

    async def read(self, token: str) -> Mapping[str, str] | None:
        return _values(await _answer(self.redis.get(self._key(token))))

    async def take(self, token: str) -> Mapping[str, str] | None:
        """As `read`; from then on there is none."""
        return _values(await _answer(self.redis.getdel(self._key(token))))

    def _key(self, token: str) -> str:
        return f"outrider:admin:{self.kind}:{hashed(token)}"


def hashed(secret: str) -> str:
    """What stands in Redis opens nothing."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


async def _answer(call: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(REDIS_SECONDS):
            return await call
    except LOST as error:
        raise Fault(503, "signin.away") from error


def _values(stored: object) -> Mapping[str, str] | None:
    if not isinstance(stored, str):
        return None
    return {str(name): str(value) for name, value in json.loads(stored).items()}
