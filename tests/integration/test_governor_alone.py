"""The outbound budget while Redis is away, and when it comes back; and without Postgres as well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest_asyncio
from psycopg_pool import AsyncConnectionPool
from redis.asyncio import Redis

from assistant.channel import Pace
from assistant.messages import ChatRef
from assistant.outgoing.governor import Governor
from assistant.storage.database import Database
from assistant.storage.leases import Leases
from tests.support.governors import CHAT, OTHER, PACE, Replicas, granted, replicas


@pytest_asyncio.fixture
async def house(database_url: str, redis_url: str) -> AsyncIterator[Replicas]:
    async with replicas(database_url, redis_url) as opened:
        await opened.rest()
        yield opened


@pytest_asyncio.fixture
async def away() -> AsyncIterator[Redis]:
    async with Redis.from_url("unix:///nonexistent/valkey.sock", socket_timeout=None) as client:
        yield client


async def test_one_replica_per_chat_goes_on_and_the_others_wait(
    house: Replicas, away: Redis
) -> None:
    one, two = house.governor("a", away), house.governor("b", away)
    await one.ask(CHAT, PACE)
    await two.ask(OTHER, PACE)
    counts = await asyncio.gather(
        granted(one, CHAT, 1.5),
        granted(two, CHAT, 1.5),
        granted(one, OTHER, 1.5),
        granted(two, OTHER, 1.5),
    )
    assert [count > 2 for count in counts] == [True, False, False, True]
    assert counts[1] == counts[2] == 0


async def test_another_takes_a_chat_over_and_does_not_take_it_for_rested(
    house: Replicas, away: Redis
) -> None:
    pace = Pace(0.5, 0.5, 1000.0)
    one, two = house.governor("a", away), house.governor("b", away)
    await two.ask(OTHER, pace)
    for _ in range(10):  # until whoever was not at it would take a chat for rested
        await one.ask(CHAT, pace)
        assert await two.ask(CHAT, pace, "final") == house.lease_seconds / 3
        await asyncio.sleep(0.2)
    await asyncio.sleep(1.2 * house.lease_seconds)
    assert house.lease_seconds / 3 < await two.ask(CHAT, pace, "final") <= 0.5
    assert await one.ask(CHAT, pace, "final") == house.lease_seconds / 3


async def test_nothing_is_granted_at_once_when_redis_goes(house: Replicas, away: Redis) -> None:
    """It may have granted a burst just before."""
    assert await house.governor("a", away).ask(CHAT, PACE, "final") > 0


async def test_a_chat_alone_keeps_its_pace(house: Replicas, away: Redis) -> None:
    governor = house.governor("a", away)
    async with asyncio.timeout(30):
        await governor.permit(CHAT, PACE, call="other")
    assert await granted(governor, CHAT, 1.5) <= 7


async def test_alone_the_account_keeps_to_half_its_rate(house: Replicas, away: Redis) -> None:
    governor, pace = house.governor("a", away), Pace(0.001, 0.001, 20.0)
    chats = [ChatRef("telegram", "default", str(number)) for number in range(5)]
    counts = await asyncio.gather(
        *(granted(governor, chat, 2.0, pace, call="final") for chat in chats)
    )
    assert 0 < sum(counts) <= 20


async def test_without_redis_another_replica_knows_of_a_penalty(
    house: Replicas, away: Redis
) -> None:
    one, two = house.governor("a", away), house.governor("b", away)
    await one.penalize(CHAT, 30.0)
    assert await one.ask(CHAT, PACE, "final") > 20
    assert await two.ask(CHAT, PACE, "final") > 20
    assert await two.ask(OTHER, PACE, "final") < 20


async def test_redis_that_comes_back_is_told_first_what_it_missed(
    house: Replicas, redis_url: str, tmp_path: Path
) -> None:
    socket, link = urlsplit(redis_url).path, tmp_path / "valkey.sock"
    async with Redis.from_url(redis_url.replace(socket, str(link)), socket_timeout=None) as client:
        one, two = house.governor("a", client), house.governor("b")
        await one.penalize(CHAT, 30.0)  # the way to Redis is not there yet
        link.symlink_to(socket)
        assert await two.ask(CHAT, PACE) == 0
        await one.ask(OTHER, PACE)
        assert await two.ask(CHAT, PACE) > 20


@pytest_asyncio.fixture
async def nowhere() -> AsyncIterator[Database]:
    """A database that nobody can reach."""
    url = "postgresql://nobody@127.0.0.1:1/none"
    async with AsyncConnectionPool(url, min_size=0, max_size=1, timeout=0.2, open=False) as pool:
        yield Database(pool)


def cut_off(house: Replicas, redis: Redis, database: Database) -> Governor:
    return Governor(redis, database, Leases(database, house.heartbeats.of("cut off")))


async def test_without_redis_and_postgres_nothing_is_sent(
    house: Replicas, away: Redis, nowhere: Database
) -> None:
    governor = cut_off(house, away, nowhere)
    await governor.penalize(OTHER, 0.01)
    assert await granted(governor, CHAT, 1.5, call="final") == 0


async def test_with_an_emptied_redis_and_no_postgres_nothing_is_sent(
    house: Replicas, nowhere: Database
) -> None:
    governor = cut_off(house, house.redis, nowhere)
    assert await governor.ask(CHAT, PACE) == 0
    await house.redis.flushall()
    assert await granted(governor, CHAT, 1.5, call="final") == 0
