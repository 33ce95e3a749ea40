"""What an admin sees at a glance, of a real service at work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest_asyncio
from redis.asyncio import Redis

from assistant.insight.concerns import Concern
from assistant.insight.glance import LOOK_SECONDS, STALE_SECONDS, Glance, Glances
from assistant.insight.so_far import SoFar
from assistant.messages import ChatRef
from assistant.signals import Signals
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import House, house, running, until, working


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def glances(home: House) -> Glances:
    return Glances(home.database, home.signals, home.settings)


async def fresh(home: House) -> Glance:
    return await glances(home).now()


def keys(concerns: Sequence[Concern]) -> list[str]:
    return [one.key for one in concerns]


def chat(number: int) -> ChatRef:
    return ChatRef("telegram", "default", str(number))


async def test_turns_are_seen_as_they_wait_run_and_end(home: House) -> None:
    for number in range(3):
        await home.say("A long story, please", chat(number))
    turns = (await fresh(home)).turns
    assert (turns.running, turns.waiting) == (0, 3)
    assert [one.state for one in turns.waiting_turns] == ["queued"] * 3
    assert turns.longest_wait_seconds is not None
    engine = ScriptedEngine(ScriptedSettings(tokens_per_second=20, answer_tokens=60))
    async with working(home.worker(engine, "worker-1")):
        await until(lambda: counted(home, running=3))
        turns = (await fresh(home)).turns
        assert {one.worker for one in turns.running_turns} == {"worker-1"}
        assert [one.attempt for one in turns.running_turns] == [1, 1, 1]
        await until(lambda: counted(home, running=0))
    assert (await fresh(home)).turns.waiting == 0


async def counted(home: House, *, running: int) -> bool:
    return (await fresh(home)).turns.running == running


async def test_a_worker_says_what_its_engine_does(home: House) -> None:
    engine = ScriptedEngine(ScriptedSettings(tokens_per_second=200, answer_tokens=60))
    async with working(home.worker(engine, "worker-1")):
        turn = (await home.say("Hello")).turn_id
        await home.answer(turn)

        async def told() -> bool:
            (worker,) = (await fresh(home)).workers
            return worker.reading is not None and worker.reading.output_tokens == 60

        await until(told)
        (worker,) = (await fresh(home)).workers
    assert worker.info is not None
    assert worker.info.profile == "scripted"
    assert worker.reading is not None
    assert worker.reading.output_tokens_per_second > 0
    assert max(worker.reading.rates) > 0
    assert (await fresh(home)).workers == []


async def test_people_messages_and_tokens_of_today_and_the_month_are_counted(home: House) -> None:
    engine = ScriptedEngine(ScriptedSettings(tokens_per_second=2000, answer_tokens=20))
    async with working(home.worker(engine)):
        for number, sender in enumerate(("7", "7", "8")):
            turn = (await home.say("Hello there", chat(number), sender_id=sender)).turn_id
            await home.answer(turn)
    totals = await counted_up(home)
    assert (totals.people_today, totals.people_month) == (2, 2)
    assert (totals.month.messages, totals.month.turns, totals.month.failed) == (3, 3, 0)
    assert totals.month.output_tokens == 60
    assert totals.month.prompt_tokens > 0
    assert totals.today == totals.month


async def counted_up(home: House) -> SoFar:
    shared = glances(home)
    async with running(asyncio.create_task(shared.run())):
        totals = (await shared.with_totals(20)).totals
    assert totals is not None
    return totals


async def test_a_count_that_takes_long_holds_up_nobody_and_an_old_one_is_not_shown(
    home: House,
) -> None:
    now = [100.0]
    shared = Glances(home.database, home.signals, home.settings, lambda: now[0])
    assert (await shared.now()).totals is None  # nobody counts
    assert (await shared.with_totals(0.05)).totals is None
    async with running(asyncio.create_task(shared.run())):
        assert (await shared.with_totals(20)).totals is not None
    now[0] += STALE_SECONDS
    assert (await shared.now()).totals is None


async def test_a_month_without_anybody_is_zero(home: House) -> None:
    totals = await counted_up(home)
    assert (totals.people_today, totals.today.messages, totals.month.prompt_tokens) == (0, 0, 0)


async def test_what_needs_a_hand_is_said_until_it_is_seen_to(home: House) -> None:
    turn = (await home.say("Hello")).turn_id
    await home.rows(
        "UPDATE turns SET state = 'failed', error_code = 'internal', finished_at = now()"
        " WHERE id = %(turn)s",
        {"turn": turn},
    )
    await home.rows(
        "INSERT INTO identities (person_id, account_id, platform_id, name, pairing_code)"
        " SELECT person_id, account_id, '99', 'A stranger', 'ABCD2345' FROM identities LIMIT 1"
    )
    assert keys((await fresh(home)).concerns) == ["engine.none", "turns.failed", "people.pairing"]
    async with working(home.worker(ScriptedEngine())):
        await until(lambda: workers_there(home))
        await home.service.retry(turn)
        await home.rows("UPDATE identities SET pairing_code = NULL, access = 'allowed'")
        assert (await fresh(home)).concerns == []


async def workers_there(home: House) -> bool:
    return any(one.room for one in await home.signals.workers())


async def test_a_turn_whose_worker_fell_silent_is_said(home: House) -> None:
    turn = (await home.say("Hello")).turn_id
    await home.rows(
        "UPDATE turns SET state = 'running', attempt = 1, lease_owner = 'gone',"
        " lease_until = now() - interval '1 minute', started_at = now() WHERE id = %(turn)s",
        {"turn": turn},
    )
    found = (await fresh(home)).concerns
    assert ("turns.left_alone", "stands") in [(one.key, one.gravity) for one in found]


async def test_however_many_look_it_is_asked_for_once(home: House) -> None:
    now = [100.0]
    shared = Glances(home.database, home.signals, home.settings, lambda: now[0])
    seen = await asyncio.gather(*(shared.now() for _ in range(5)))
    assert all(one.turns is seen[0].turns for one in seen)
    now[0] += LOOK_SECONDS
    assert (await shared.now()).turns is not seen[0].turns


async def test_without_redis_the_rest_is_seen_and_that_is_said(home: House) -> None:
    await home.say("Hello")
    async with Redis.from_url("unix:///nonexistent/valkey.sock", decode_responses=True) as away:
        glance = await Glances(home.database, Signals(away), home.settings).now()
    assert not glance.redis
    assert keys(glance.concerns) == ["redis.away"]
    assert glance.turns.waiting == 1
    assert {one.standing for one in glance.channels} == {"unseen"}
