"""A conversation's next turn goes to the worker that has its cache, if that is there and free."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from redis.asyncio import Redis

from assistant.messages import ChatRef
from assistant.signals import Signals
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import FAST, House, house, until, working

ONE_AT_A_TIME = FAST.model_copy(update={"concurrent_turns": 1})


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def engine(**values: float) -> ScriptedEngine:
    return ScriptedEngine(ScriptedSettings(**{"tokens_per_second": 2000, **values}))  # type: ignore[arg-type]


def chat(number: int) -> ChatRef:
    return ChatRef("telegram", "default", f"{number}")


async def both_there(home: House) -> bool:
    home.signals._free_at = float("-inf")
    return len(await home.signals.free_workers()) == 2


async def workers_of(home: House, number: int) -> list[str]:
    rows = await home.rows(
        "SELECT worker FROM turns JOIN conversations ON conversations.id = conversation_id"
        " WHERE chat_id = %(chat)s ORDER BY turns.id",
        {"chat": f"{number}"},
    )
    return [worker for (worker,) in rows]


async def test_each_conversation_stays_with_the_worker_that_answered_it_first(
    home: House,
) -> None:
    async with working(home.worker(engine(), "a")), working(home.worker(engine(), "b")):
        await until(lambda: both_there(home))
        for _ in range(6):
            for number in range(4):
                said = await home.say("And then?", chat=chat(number), sender_id=f"{number}")
                await home.answer(said.turn_id)
    for number in range(4):
        assert len(set(await workers_of(home, number))) == 1


async def test_a_worker_that_is_gone_loses_nothing(home: House) -> None:
    async with working(home.worker(engine(), "a")):
        await home.answer((await home.say("One", chat=chat(1))).turn_id)
        await until(lambda: one_there(home))
        # It answers no more, and what it said last is still believed.
        home.signals._free, home.signals._free_at = ("a", "b"), float("inf")
    async with working(home.worker(engine(), "b")):
        _, last = await home.answer((await home.say("Two", chat=chat(1))).turn_id)
    assert last.state == "done"
    assert await workers_of(home, 1) == ["a", "b"]


async def one_there(home: House) -> bool:
    return len(await home.signals.workers()) == 1


async def test_a_worker_that_is_full_loses_nothing(database_url: str, redis_url: str) -> None:
    async with house(database_url, redis_url, settings=ONE_AT_A_TIME) as home:
        slow = home.worker(engine(tokens_per_second=20, answer_tokens=400), "a")
        async with working(slow):
            long = await home.say("Long", chat=chat(1))
            await until(lambda: running(home, long.turn_id))
            await home.rows("UPDATE turns SET worker = 'a'")
            async with working(home.worker(engine(), "b")):
                await home.answer((await home.say("Short", chat=chat(2))).turn_id)
                home.signals._free, home.signals._free_at = ("a", "b"), float("inf")
                await home.rows("UPDATE turns SET worker = 'a'")
                _, last = await home.answer((await home.say("Again", chat=chat(2))).turn_id)
        assert last.state == "done"
        assert (await workers_of(home, 2))[1] == "b"


async def running(home: House, turn: int) -> bool:
    return (turn, "running") in await home.rows("SELECT id, state FROM turns")


async def test_without_redis_no_worker_is_preferred() -> None:
    async with Redis.from_url("redis://127.0.0.1:1", socket_timeout=None) as nowhere:
        assert await Signals(nowhere).free_workers() == ()


async def test_one_worker_alone_is_not_preferred(home: House) -> None:
    async with working(home.worker(engine(), "a")):
        await until(lambda: one_there(home))
        assert await home.signals.free_workers() == ()
