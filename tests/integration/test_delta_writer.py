"""Deltas wait for those of other turns, except where a reply begins or ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from redis.asyncio import Redis

from assistant.answering.deltas import DeltaWriter, decoded, key
from assistant.messages import ReplyDelta
from tests.support.house import running, until

HOUR = 3600.0


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True, socket_timeout=None) as client:
        yield client


async def published(redis: Redis, turn_id: int) -> str:
    entries = await redis.xrange(key(turn_id))
    return "".join(decoded(values["delta"]).text for _, values in entries)


async def test_the_first_words_and_the_end_of_a_reply_wait_for_nothing(redis: Redis) -> None:
    writer = DeltaWriter(redis, HOUR)

    async def says(turn_id: int, text: str) -> bool:
        return await published(redis, turn_id) == text

    async with running(asyncio.create_task(writer.run())):
        writer.write(ReplyDelta(1, 1, 0, "Once"))
        await until(lambda: says(1, "Once"))
        writer.write(ReplyDelta(1, 1, 4, " upon"))
        await asyncio.sleep(0.1)
        assert await says(1, "Once")  # what goes on comes with the others
        writer.write(ReplyDelta(2, 1, 0, "Far"))
        await until(lambda: says(2, "Far"))
        assert await says(1, "Once upon")
        writer.write(ReplyDelta(1, 1, 9, " a time"))
        writer.write(ReplyDelta(1, 1, 16, "", state="done"))
        await until(lambda: says(1, "Once upon a time"))
