"""Replies are shown in their place, also where an edit made a newer turn for an older place."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from assistant.messages import Edited
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, House, house, until, working


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def engine(pace: float) -> ScriptedEngine:
    return ScriptedEngine(ScriptedSettings(tokens_per_second=pace, answer_tokens=40))


async def test_an_answer_begun_anew_is_shown_before_the_one_that_waits_behind_it(
    home: House,
) -> None:
    async with working(home.worker(engine(40))):
        await home.say("About herons", message_id="500")
        await until(lambda: home.screen.calls.count("edit") > 2)
        waiting = await home.say("About ducks", message_id="501")
        assert waiting.waits
        await home.service.edit(Edited(CHAT, "edit-1", "500", "7", "About storks"))
        await until(lambda: any("ducks" in one.text for one in home.screen.chats["42"]))
        first = home.screen.chats["42"][0]
        assert first.final and "storks" in first.text, "its answer stands when the next begins"
        await home.answer(waiting.turn_id)
