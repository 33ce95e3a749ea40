"""A row that somebody holds for long costs no other turn its lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from assistant.messages import ChatRef
from assistant.storage.database import rows
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import FAST, House, house, until, working


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def engine() -> ScriptedEngine:
    settings = ScriptedSettings(
        tokens_per_second=100, answer_tokens=4, first_token_seconds=4 * FAST.lease_seconds
    )
    return ScriptedEngine(settings)


async def attempts(home: House) -> dict[int, int]:
    return dict(await home.rows("SELECT id, attempt FROM turns WHERE state <> 'queued'"))


async def test_turns_keep_their_leases_while_another_turns_row_is_held(home: House) -> None:
    async with working(home.worker(engine())):
        held = (await home.say("One")).turn_id
        other = (await home.say("Two", chat=ChatRef("telegram", "default", "43"))).turn_id
        await until(lambda: _running(home, 2))
        async with home.database.transaction() as holder:
            await rows(holder, f"SELECT FROM turns WHERE id = {held} FOR UPDATE")
            await asyncio.sleep(2.5 * FAST.lease_seconds)
        await asyncio.sleep(FAST.lease_seconds)
        _, last = await home.answer(other)
        assert last.attempt == 1, "nobody had to take it over"
        _, last = await home.answer(held)


async def test_a_worker_takes_no_turn_over_that_it_is_at_itself(
    database_url: str, redis_url: str
) -> None:
    """After an outage, or a while in which the machine stood still, all leases have expired."""
    settings = FAST.model_copy(update={"lease_seconds": 60.0})  # no beat comes before the looks
    async with house(database_url, redis_url, settings=settings) as home:
        async with working(home.worker(engine())):
            turn = (await home.say("One")).turn_id
            await until(lambda: _running(home, 1))
            await home.rows("UPDATE turns SET lease_until = now() - interval '1 s'")
            _, last = await home.answer(turn)
        assert last.attempt == 1
        assert await home.rows("SELECT attempt, failures FROM turns") == [(1, 0)]


async def _running(home: House, count: int) -> bool:
    return len(await attempts(home)) == count
