"""An order that the platform delivers again is the same order: it ends nothing that came after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import pytest_asyncio

from assistant.messages import Command
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, House, house, working


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def engine() -> ScriptedEngine:
    return ScriptedEngine(ScriptedSettings(tokens_per_second=400, answer_tokens=24))


def order(name: Literal["new", "stop"], message_id: str) -> Command:
    return Command(CHAT, name, "7", "Ana", message_id)


async def test_a_stop_that_comes_again_leaves_what_was_asked_after_it(home: House) -> None:
    await home.service.command(order("stop", "600"))
    asked = await home.say("About herons", message_id="601")
    await home.service.command(order("stop", "600"))
    async with working(home.worker(engine())):
        reply, last = await home.answer(asked.turn_id)
    assert (last.state, "herons" in reply) == ("done", True)


async def test_a_new_that_comes_again_forgets_nothing_that_was_said_after_it(home: House) -> None:
    await home.service.command(order("new", "600"))
    asked = await home.say("About herons", message_id="601")
    async with working(home.worker(engine())):
        await home.answer(asked.turn_id)
        await home.service.command(order("new", "600"))
        second = await home.say("And storks?", message_id="602")
        reply, _ = await home.answer(second.turn_id)
    assert [one.text for one in await home.service.history(CHAT) if one.role == "user"] == [
        "About herons",
        "And storks?",
    ]
    assert reply.startswith("You wrote 2 messages")
