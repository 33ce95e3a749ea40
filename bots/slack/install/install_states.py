"""Installs that were begun: each is good once, for ten minutes, and in one browser alone.

In Redis, so that any replica takes what another began. What it loses is begun anew by the person.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from redis.asyncio import Redis

from assistant.signals import LOST, REDIS_SECONDS

LIFE_SECONDS = 600


class StatesUnavailable(Exception):
    """Redis is away."""


@dataclass(frozen=True, slots=True)
class Begun:
    """`state` goes to Slack and comes back in an address; `browser` stays in a cookie."""

    state: str
    browser: str


@dataclass(frozen=True, slots=True)
class InstallStates:
    redis: Redis

    async def begin(self) -> Begun:
        """Raises StatesUnavailable."""
        begun = Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                await self.redis.set(_key(begun.state), _hash(begun.browser), ex=LIFE_SECONDS)
        except LOST as error:
            raise StatesUnavailable from error
        return begun

    async def redeem(self, state: str, browser: str) -> bool:
        """Whether this browser began it, and nobody redeemed it yet. Raises StatesUnavailable."""
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                began = await self.redis.getdel(_key(state))
        except LOST as error:
            raise StatesUnavailable from error
        return began is not None and hmac.compare_digest(str(began), _hash(browser))


def _key(state: str) -> str:
    return f"outrider:slack:install:{_hash(state)}"


def _hash(secret: str) -> str:
    """What stands in Redis opens nothing."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
