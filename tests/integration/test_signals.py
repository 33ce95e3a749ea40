"""Signals on a real Valkey: what a lost or slow server may not do."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import asdict

import pytest
import pytest_asyncio
from redis.asyncio import BlockingConnectionPool, Redis

from assistant.signals import (
    ANNOUNCE,
    REDIS_SECONDS,
    SEEN,
    WORKERS,
    Signals,
    StopSignal,
    WorkerPresence,
)
from inference.api import EngineInfo


@pytest_asyncio.fixture
async def signals(redis_url: str) -> AsyncIterator[Signals]:
    pool = BlockingConnectionPool.from_url(redis_url, decode_responses=True, socket_timeout=None)
    async with Redis.from_pool(pool) as redis:
        yield Signals(redis)


async def test_waiting_for_a_turn_can_be_cancelled_at_any_moment(signals: Signals) -> None:
    async def worker() -> None:
        while True:
            await signals.wait_for_turn("worker", 5.0)

    chance = random.Random(7)
    for _ in range(60):
        task = asyncio.create_task(worker())
        await asyncio.sleep(chance.random() * 0.006)
        task.cancel()
        await asyncio.wait({task}, timeout=3)
        assert task.cancelled(), "the cancellation was swallowed"


async def test_an_offered_turn_wakes_one_waiting_worker(signals: Signals) -> None:
    for name in ("a", "b"):
        await signals.wait_for_turn(name, 0.01)  # makes the groups
    waiting = [asyncio.create_task(signals.wait_for_turn(name, 20.0)) for name in ("a", "b")]
    await asyncio.sleep(0.1)
    await signals.wake_worker(1)
    done, still = await asyncio.wait(waiting, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) == 1
    for task in still:
        task.cancel()
    await asyncio.gather(*still, return_exceptions=True)


async def test_a_worker_is_there_until_it_leaves_or_falls_silent(signals: Signals) -> None:
    info = EngineInfo("demo", "smollm2", 8192, "f")
    await signals.announce(WorkerPresence("a", "ready", "", info))
    (found,) = await signals.workers()
    assert (found.worker, found.state, found.info) == ("a", "ready", info)
    await signals.leave("a")
    assert await signals.workers() == []


async def test_a_stop_reaches_whoever_listens(signals: Signals) -> None:
    stops = signals.stops()
    first = asyncio.ensure_future(anext(stops))
    for _ in range(100):
        await signals.stop_turn(7)
        done, _ = await asyncio.wait({first}, timeout=0.05)
        if done:
            break
    assert await first == StopSignal(7)
    await signals.abandon(8, 3)
    while (signal := await anext(stops)) == StopSignal(7):
        pass
    assert signal == StopSignal(8, 3)
    await stops.aclose()


async def test_a_worker_of_another_version_is_known_by_what_is_known_here(
    signals: Signals,
) -> None:
    info = EngineInfo("demo", "smollm2", 8192, "f")
    presence = WorkerPresence("a", "ready", "", info, room=3)
    said = asdict(presence) | {"mood": "good", "info": asdict(info) | {"speaks": ["Dutch"]}}
    await signals.redis.eval(ANNOUNCE, 2, WORKERS, SEEN, "a", json.dumps(said))
    assert await signals.workers() == [presence]


async def test_a_redis_that_hangs_holds_up_no_message_for_long() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with Redis(port=port) as hanging:
            async with asyncio.timeout(REDIS_SECONDS / 2):
                assert await Signals(hanging).free_workers() == ()
    finally:
        server.close()
        await server.wait_closed()


async def test_without_redis_nothing_raises() -> None:
    async with Redis.from_url("unix:///nonexistent/valkey.sock", decode_responses=True) as away:
        signals = Signals(away)
        await signals.wake_worker(1)
        await signals.wait_for_turn("a", 0.05)
        await signals.stop_turn(1)
        assert await signals.workers() == []
        assert not await signals.ping()


async def test_who_was_there_is_still_known_when_redis_loses_it_but_not_for_ever(
    signals: Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = WorkerPresence("a", "ready", "", EngineInfo("demo", "smollm2", 8192, "f"))
    await signals.announce(there)
    assert await signals.last_workers() == [there]
    await signals.redis.flushall()
    assert await signals.workers() == []
    assert await signals.last_workers() == [there]
    monkeypatch.setattr("assistant.signals.PRESENCE_SECONDS", 0)
    assert await signals.last_workers() == []


async def test_who_left_before_redis_went_away_is_not_there(
    signals: Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = WorkerPresence("a", "ready", "", None)
    await signals.announce(there)
    assert await signals.last_workers() == [there]
    await signals.leave("a")
    monkeypatch.setattr("assistant.signals.PRESENCE_SECONDS", 0)
    assert await signals.last_workers() == []
    async with Redis.from_url("unix:///nonexistent/valkey.sock", decode_responses=True) as away:
        signals.redis = away
        assert await signals.last_workers() == []
