"""A worker and a delivery that drain: nothing new is begun, what runs may end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from assistant.messages import ChatRef
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import House, house, until, working

OTHER = ChatRef("telegram", "default", "43")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def engine(**values: float) -> ScriptedEngine:
    return ScriptedEngine(ScriptedSettings(**{"tokens_per_second": 500.0, **values}))


async def begun(home: House, chat: str = "42") -> bool:
    return any(shown.text for shown in home.screen.chats[chat])


async def test_a_worker_that_drains_ends_its_answer_and_takes_no_other(home: House) -> None:
    worker = home.worker(engine(tokens_per_second=60, answer_tokens=60))
    async with working(worker):
        turn = (await home.say("A story")).turn_id
        await until(lambda: begun(home))
        draining = asyncio.create_task(worker.drain())

        async def said() -> bool:
            return [one.state for one in await home.signals.workers()] == ["draining"]

        await until(said)
        late = (await home.say("And one for me", OTHER)).turn_id
        await draining
        _, last = await home.answer(turn)
        assert (last.state, last.attempt) == ("done", 1)
        await asyncio.sleep(1.5)  # longer than a worker waits between two looks
        assert await home.rows(f"SELECT state FROM turns WHERE id = {late}") == [("queued",)]
    async with working(home.worker(engine(), "another")):
        _, last = await home.answer(late)
    assert last.state == "done"


async def test_what_is_not_over_in_time_goes_on_at_another_worker_in_place(home: House) -> None:
    worker = home.worker(engine(tokens_per_second=20, answer_tokens=80))
    working_on = asyncio.create_task(worker.run())
    turn = (await home.say("A story")).turn_id
    await until(lambda: begun(home))
    draining = asyncio.create_task(worker.drain())
    await asyncio.sleep(0.2)
    assert not draining.done()
    for task in (draining, working_on):  # the time is over
        task.cancel()
    await asyncio.gather(draining, working_on, return_exceptions=True)
    shown = home.screen.chats["42"][0].text
    async with working(home.worker(engine(answer_tokens=80), "another")):
        reply, last = await home.answer(turn)
        await until(lambda: home.screen.chats["42"][0].final)
    assert (last.state, last.attempt) == ("done", 2)
    assert reply.startswith(shown)
    assert [one.text for one in home.screen.chats["42"]] == [reply]
    assert await home.rows("SELECT failures FROM turns") == [(0,)], "a shutdown is no failure"


async def test_a_worker_without_work_has_drained_at_once(home: House) -> None:
    worker = home.worker(engine())
    async with working(worker):
        await until(lambda: worker.presence().state == "ready")
        async with asyncio.timeout(1):
            await worker.drain()


async def test_a_delivery_that_drains_brings_the_end_and_leaves_what_is_not_over(
    home: House,
) -> None:
    slow = home.worker(engine(tokens_per_second=5, answer_tokens=500))
    async with working(slow):
        endless = (await home.say("A story without an end")).turn_id
        await until(lambda: begun(home))
        done = (await home.say("A short one", OTHER)).turn_id
        await until(lambda: begun(home, "43"))
        await home.service.stop(done)
        await home.answer(done)
        async with asyncio.timeout(10):
            await home.delivery.drain()
        assert home.screen.chats["43"][0].final
        assert not home.screen.chats["42"][0].final
        later = (await home.say("Too late", ChatRef("telegram", "default", "44"))).turn_id
        await asyncio.sleep(2.5)  # longer than a delivery waits between two looks
        assert not home.screen.chats["44"], "it is another gateway's"
        assert {endless, later} == {
            row[0] for row in await home.rows("SELECT id FROM turns WHERE state = 'running'")
        }


async def test_a_reader_drains_when_the_ends_of_what_is_over_have_been_read(home: House) -> None:
    slow = home.worker(engine(tokens_per_second=5, answer_tokens=500))
    async with working(slow):
        turns = [
            (await home.say("A story", ChatRef("web", "default", chat))).turn_id for chat in "ab"
        ]
        following = [asyncio.create_task(home.answer(turn)) for turn in turns]
        await until(lambda: slow.presence().running_turns == 2)
        await home.service.stop(turns[0])

        async def stopped() -> bool:
            return bool(await home.rows("SELECT FROM turns WHERE state = 'stopped'"))

        await until(stopped)
        async with asyncio.timeout(10):
            await home.reader.drain()
        assert (await following[0])[1].state == "stopped"
        assert not following[1].done()
        following[1].cancel()
