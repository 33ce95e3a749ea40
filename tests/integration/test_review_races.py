"""A message that joins a turn in the moment in which another of its messages changes is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio

from assistant.messages import ChatRef, Edited
from assistant.storage.database import rows
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, House, house, until, working

GROUP = ChatRef("telegram", "default", "-5", "", "group")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def engine(first: float = 0.0) -> ScriptedEngine:
    return ScriptedEngine(
        ScriptedSettings(tokens_per_second=400, answer_tokens=40, first_token_seconds=first)
    )


@asynccontextmanager
async def held(home: House, query: str) -> AsyncIterator[None]:
    """The rows of this query are locked by somebody for the block."""
    async with home.database.transaction(30) as connection:
        await rows(connection, f"{query} FOR NO KEY UPDATE")
        yield


async def blocked(home: House, at_least: int) -> bool:
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    here = await home.rows(f"{waiting} AND datname = current_database()")
    return len(here) >= at_least


async def settled(home: House) -> bool:
    return not await home.rows("SELECT FROM turns WHERE state IN ('queued', 'running')")


async def test_a_message_is_answered_that_joins_while_the_one_before_it_is_edited(
    home: House,
) -> None:
    async with working(home.worker(engine(first=1.0))):
        turn = (await home.say("About herons", message_id="500")).turn_id
        await until(lambda: home.rows("SELECT FROM turns WHERE state = 'running'"))
        async with held(home, "SELECT FROM messages WHERE platform_message_id = '500'"):
            edit = Edited(CHAT, "edit-1", "500", "7", "About storks")
            editing = asyncio.create_task(home.service.edit(edit))
            await until(lambda: blocked(home, 1))
            saying = asyncio.create_task(home.say("and ducks", message_id="501"))
            again = f"SELECT FROM turns WHERE id = {turn} AND attempt = 2 AND state = 'running'"
            await until(lambda: _either(home, again))
        await asyncio.gather(editing, saying)
        await until(lambda: settled(home))
    (answers,) = await home.rows("SELECT string_agg(reply, ' ') FROM turns WHERE state = 'done'")
    assert "storks" in str(answers) and "ducks" in str(answers)


async def _either(home: House, query: str) -> bool:
    return bool(await home.rows(query)) or await blocked(home, 2)


async def test_a_message_is_answered_that_joins_while_the_one_before_it_is_deleted(
    home: House,
) -> None:
    turn = (await home.say("About herons", GROUP, message_id="500")).turn_id
    async with held(home, f"SELECT FROM turns WHERE id = {turn}"):
        saying = asyncio.create_task(home.say("About ducks", GROUP, message_id="501"))
        await until(lambda: blocked(home, 1))
        erasing = asyncio.create_task(home.service.erase(GROUP, "500"))
        await until(lambda: blocked(home, 2))
    await asyncio.gather(saying, erasing)
    async with working(home.worker(engine())):
        await until(lambda: settled(home))
    assert await home.rows("SELECT state, reply ~ 'ducks' FROM turns") == [("done", True)]


async def test_an_edit_that_comes_again_after_a_newer_one_changes_nothing(home: House) -> None:
    await home.say("About herons", message_id="500")
    for event, words in (("edit-1", "About storks"), ("edit-2", "About ducks"), ("edit-1", "")):
        await home.service.edit(Edited(CHAT, event, "500", "7", words or "About storks"))
    assert await home.rows("SELECT text FROM messages") == [("About ducks",)]
