"""What a command works with beside a running Outrider: its database, and Redis where it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from assistant.signals import Signals
from assistant.storage import schema
from assistant.storage.database import Database, open_database
from bots.cli.database import database_url
from bots.settings import Settings


@dataclass(frozen=True, slots=True)
class Beside:
    """`redis` is None where it can't be reached: an embedded one serves its own program alone."""

    database: Database
    redis: Redis | None


@asynccontextmanager
async def open_beside(settings: Settings) -> AsyncIterator[Beside]:
    """Raises StartupError when the database is missing, silent, or of another version."""
    async with database_url(settings) as url:
        await schema.check(url)
        async with open_database(url) as database, _redis(settings) as redis:
            yield Beside(database, redis)


@asynccontextmanager
async def _redis(settings: Settings) -> AsyncIterator[Redis | None]:
    if settings.redis_url is None:
        yield None
        return
    async with Redis.from_url(
        settings.redis_url.get_secret_value(),
        decode_responses=True,
        socket_connect_timeout=2,
        socket_timeout=None,  # every call has a limit of our own
    ) as redis:
        yield redis if await Signals(redis).ping() else None
