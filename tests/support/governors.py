"""Governors of several replicas on one Postgres, with a Redis that may be out of reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from assistant.accounts import Accounts
from assistant.channel import Pace
from assistant.messages import ChatRef
from assistant.outgoing.budget import Call
from assistant.outgoing.governor import Governor
from assistant.outgoing.penalties import AccountKeys
from assistant.storage.database import Database, open_database
from assistant.storage.leases import Leases
from tests.support.house import Heartbeats

CHAT = ChatRef("telegram", "default", "42")
OTHER = ChatRef("telegram", "default", "43")
GROUP = ChatRef("telegram", "default", "-42", kind="group")
PACE = Pace(0.2, 0.6, 1000.0)
KEYS = AccountKeys("telegram", "default")


@dataclass(slots=True)
class Replicas:
    """`lease_seconds` without a word from a replica, another may have its chats."""

    database: Database
    redis: Redis
    heartbeats: Heartbeats

    @property
    def lease_seconds(self) -> float:
        return self.heartbeats.seconds

    def governor(self, name: str, redis: Redis | None = None) -> Governor:
        leases = Leases(self.database, self.heartbeats.of(name))
        return Governor(redis or self.redis, self.database, leases)

    async def rest(self) -> None:
        """Redis is as one that has been there for long."""
        await self.governor("resting").ask(ChatRef("telegram", "default", "resting"), PACE)
        await self.redis.hset(KEYS.budget, "born", "0")


@asynccontextmanager
async def replicas(
    database_url: str, redis_url: str, lease_seconds: float = 0.6
) -> AsyncIterator[Replicas]:
    async with (
        open_database(database_url) as database,
        Redis.from_url(redis_url, decode_responses=True, socket_timeout=None) as redis,
    ):
        await Accounts(database).register("telegram", "default")
        heartbeats = Heartbeats(database_url, lease_seconds)
        try:
            yield Replicas(database, redis, heartbeats)
        finally:
            await heartbeats.end()


async def granted(
    governor: Governor, chat: ChatRef, seconds: float, pace: Pace = PACE, call: Call = "other"
) -> int:
    """How many calls are granted within that time."""
    count = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                await governor.permit(chat, pace, call=call)
                count += 1
    except TimeoutError:
        return count
