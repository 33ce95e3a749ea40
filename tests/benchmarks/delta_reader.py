"""A gateway's reader of many replies at once, which notes how old each token is when it comes.

    python -m tests.benchmarks.delta_reader

A line of JSON in (ids of turns), a line out: for each turn [produced, arrived] of its tokens, in
microseconds of Unix time. Postgres and Redis are Outrider's settings.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import structlog
from pydantic import SecretStr
from redis.asyncio import BlockingConnectionPool, Redis

from assistant.answering.deltas import DeltaReader
from assistant.answering.turns import Turns
from assistant.storage.database import open_database
from bots.core import REDIS_CONNECTIONS
from bots.heap import settle
from bots.settings import load_settings
from tests.benchmarks.stamping import stamps


async def main() -> None:
    # Standard output is for the answer.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = load_settings()
    settle()  # as the program does
    async with (
        open_database(_given(settings.database_url)) as database,
        Redis.from_pool(_pool(_given(settings.redis_url))) as redis,
    ):
        reader = DeltaReader(redis, Turns(database))
        reading = asyncio.create_task(reader.run())
        try:
            print("ready", flush=True)
            turns = json.loads(await asyncio.to_thread(sys.stdin.readline))
            followed = await asyncio.gather(*(_follow(reader, turn) for turn in turns))
            print(json.dumps(followed), flush=True)
        finally:
            reading.cancel()
            await asyncio.wait({reading})


def _pool(url: str) -> BlockingConnectionPool:
    """As the composition root makes it: a crowd waits for a connection."""
    return BlockingConnectionPool.from_url(
        url,
        decode_responses=True,
        max_connections=REDIS_CONNECTIONS,
        timeout=5,
        socket_timeout=None,
    )


def _given(url: SecretStr | None) -> str:
    assert url is not None, "not set"
    return url.get_secret_value()


async def _follow(reader: DeltaReader, turn: int) -> list[tuple[int, int]]:
    noted: list[tuple[int, int]] = []
    async for delta in reader.follow(turn):
        arrived = time.time_ns() // 1000
        noted += [(produced, arrived) for produced in stamps(delta.text)]
    return noted


if __name__ == "__main__":
    asyncio.run(main())
