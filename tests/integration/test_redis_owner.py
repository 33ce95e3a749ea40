"""A Redis serves one database: another's turns have the same numbers."""

from __future__ import annotations

import psycopg
import pytest
from redis.asyncio import Redis

from assistant.errors import StartupError
from assistant.storage.database import open_database
from assistant.storage.redis_owner import IDENTITY, OWNER, claim_redis


async def test_the_same_database_comes_again_and_another_is_refused(
    database_url: str, other_database_url: str, redis_url: str
) -> None:
    async with (
        open_database(database_url) as one,
        open_database(other_database_url) as other,
        Redis.from_url(redis_url, decode_responses=True) as redis,
    ):
        await claim_redis(redis, one)
        await claim_redis(redis, one)
        with pytest.raises(StartupError, match="belongs to another Outrider's database"):
            await claim_redis(redis, other)
        await claim_redis(redis, one)
        await redis.flushdb()
        await claim_redis(redis, other)
        with pytest.raises(StartupError):
            await claim_redis(redis, one)


async def test_a_redis_that_takes_nothing_is_said(database_url: str, redis_url: str) -> None:
    async with (
        open_database(database_url) as database,
        Redis.from_url(redis_url, decode_responses=True) as redis,
    ):
        await redis.lpush(OWNER, "not of Outrider")
        with pytest.raises(StartupError, match="can't be written"):
            await claim_redis(redis, database)


def test_an_ordinary_role_may_ask_for_it(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE ROLE ordinary")
        connection.execute("SET ROLE ordinary")
        assert connection.execute(IDENTITY).fetchone() is not None
