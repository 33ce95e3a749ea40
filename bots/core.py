"""The core: what gateway and worker share in one process."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from redis.asyncio import BlockingConnectionPool, Redis

from assistant.answering.deltas import DeltaReader, DeltaWriter
from assistant.answering.places import Places
from assistant.answering.stopping import Stopping
from assistant.answering.turns import Turns
from assistant.errors import StartupError
from assistant.lines import Lines
from assistant.live_settings import LiveSettings
from assistant.metrics import Metrics
from assistant.settings import AssistantSettings
from assistant.signals import Signals
from assistant.storage.database import Database, open_database
from assistant.storage.database_clock import DatabaseClock
from assistant.storage.heartbeat import Heartbeat
from assistant.storage.redis_owner import claim_redis

REDIS_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Core:
    """What gateway and worker share in one process."""

    name: str
    database: Database
    redis: Redis
    signals: Signals
    turns: Turns
    writer: DeltaWriter
    reader: DeltaReader
    heartbeat: Heartbeat
    metrics: Metrics
    places: Places
    live: LiveSettings
    clock: DatabaseClock
    lines: Lines = field(default_factory=Lines)

    @property
    def stopping(self) -> Stopping:
        return Stopping(self.turns, self.signals, self.writer)


async def open_core(
    settings: AssistantSettings, database_url: str, redis_url: str, stack: AsyncExitStack
) -> Core:
    database = await stack.enter_async_context(open_database(database_url))
    redis = await stack.enter_async_context(_redis(redis_url))
    signals = Signals(redis)
    if not await signals.ping():
        raise StartupError("Redis doesn't answer: check OUTRIDER_REDIS_URL and that it runs.")
    await claim_redis(redis, database)
    turns, live = Turns(database), LiveSettings(database, settings)
    await live.refresh()
    name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
    return Core(
        name=name,
        database=database,
        redis=redis,
        signals=signals,
        turns=turns,
        writer=DeltaWriter(redis, settings.flush_seconds),
        reader=DeltaReader(redis, turns),
        heartbeat=Heartbeat(database_url, name, settings.lease_seconds),
        metrics=Metrics(),
        places=Places(database),
        live=live,
        clock=DatabaseClock(database),
    )


@asynccontextmanager
async def _redis(url: str) -> AsyncIterator[Redis]:
    pool = BlockingConnectionPool.from_url(
        url,
        decode_responses=True,
        max_connections=REDIS_CONNECTIONS,
        timeout=5,  # a crowd waits for a connection instead of failing
        socket_connect_timeout=2,
        socket_timeout=None,  # see assistant/signals.py: every call has a limit of our own
    )
    async with Redis.from_pool(pool) as client:
        yield client
