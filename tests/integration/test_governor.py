"""The outbound budget in a real Valkey, and penalties in a real Postgres."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from assistant.accounts import Accounts
from assistant.channel import Pace
from assistant.database import Database, open_database
from assistant.errors import RateLimited
from assistant.governor import BURST, Governor
from assistant.messages import ChatRef

CHAT = ChatRef("telegram", "default", "42")
GROUP = ChatRef("telegram", "default", "-42", kind="group")
PACE = Pace(0.2, 0.6, 1000.0)


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        await Accounts(opened).register("telegram", "default")
        yield opened


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


async def granted(governor: Governor, chat: ChatRef, pace: Pace, seconds: float) -> int:
    """How many calls are granted within that time."""
    count = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                await governor.permit(chat, pace)
                count += 1
    except TimeoutError:
        return count


async def test_a_chat_gets_its_burst_and_then_its_interval(
    database: Database, redis: Redis
) -> None:
    governor = Governor(redis, database)
    assert await granted(governor, CHAT, PACE, 1.0) <= BURST + 5
    assert await granted(governor, GROUP, PACE, 1.0) <= BURST + 2


async def test_replicas_share_one_budget(database: Database, redis: Redis) -> None:
    replicas = [Governor(redis, database) for _ in range(4)]
    counts = await asyncio.gather(*(granted(one, CHAT, PACE, 1.0) for one in replicas))
    assert BURST <= sum(counts) <= BURST + 5


async def test_all_chats_of_an_account_share_its_rate(database: Database, redis: Redis) -> None:
    governor = Governor(redis, database)
    pace = Pace(0.001, 0.001, 10.0)
    chats = [ChatRef("telegram", "default", str(number)) for number in range(5)]
    counts = await asyncio.gather(*(granted(governor, chat, pace, 1.0) for chat in chats))
    assert sum(counts) <= 10 + BURST + 1


async def test_a_penalty_closes_the_chat_for_every_replica(
    database: Database, redis: Redis
) -> None:
    await Governor(redis, database).penalize(CHAT, 30.0)
    other = Governor(redis, database)
    assert await granted(other, CHAT, PACE, 0.3) == 0
    assert await granted(other, GROUP, PACE, 0.3) > 0


async def test_an_emptied_redis_forgets_no_penalty(database: Database, redis: Redis) -> None:
    await Governor(redis, database).penalize(CHAT, 30.0)
    await redis.flushall()
    fresh = Governor(redis, database)
    await fresh.restore()
    assert await granted(fresh, CHAT, PACE, 0.3) == 0


async def test_a_penalty_ends(database: Database, redis: Redis) -> None:
    governor = Governor(redis, database)
    before = time.monotonic()
    await governor.penalize(CHAT, 0.5)
    await governor.permit(CHAT, PACE)
    assert time.monotonic() - before >= 0.5


async def test_without_redis_one_process_keeps_the_pace(database: Database) -> None:
    async with Redis.from_url("unix:///nonexistent/valkey.sock") as away:
        governor = Governor(away, database)
        assert BURST <= await granted(governor, CHAT, PACE, 1.0) <= BURST + 5
        await governor.penalize(CHAT, 30.0)
        assert await granted(governor, CHAT, PACE, 0.3) == 0


async def test_a_shorter_penalty_does_not_end_a_longer_one(
    database: Database, redis: Redis
) -> None:
    await Governor(redis, database).penalize(CHAT, 30.0)
    await Governor(redis, database).penalize(CHAT, 0.1)
    await asyncio.sleep(0.15)
    assert await granted(Governor(redis, database), CHAT, PACE, 0.3) == 0


async def test_redis_emptied_in_the_run_forgets_no_penalty(
    database: Database, redis: Redis
) -> None:
    governor = Governor(redis, database)
    await governor.penalize(CHAT, 30.0)
    await redis.flushall()
    assert await granted(governor, CHAT, PACE, 0.3) == 0


async def test_what_cannot_wait_is_told_how_long_it_would_take(
    database: Database, redis: Redis
) -> None:
    governor = Governor(redis, database)
    await governor.penalize(CHAT, 30.0)
    with pytest.raises(RateLimited) as refused:
        await governor.permit(CHAT, PACE, at_most_seconds=5.0)
    assert 20 < refused.value.retry_after_seconds <= 30
