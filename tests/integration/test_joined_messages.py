"""Messages that are answered together: in the order in which they were written, by one reply."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import House, house, working


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


async def test_messages_that_came_out_of_order_are_read_in_the_order_they_were_written(
    home: House,
) -> None:
    for number, said in (("101", "birds"), ("99", "about"), ("100", "sea")):
        turn = (await home.say(said, message_id=number)).turn_id
    async with working(home.worker(ScriptedEngine(ScriptedSettings(tokens_per_second=500.0)))):
        answer, _ = await home.answer(turn)
    assert answer.startswith("You wrote 1 message, the last one: about sea birds")


async def test_messages_of_the_page_whose_ids_are_no_numbers_are_read_as_they_came(
    home: House,
) -> None:
    for number, said in (("zz-first", "about"), ("aa-second", "sea"), ("0c-third", "birds")):
        turn = (await home.say(said, message_id=number)).turn_id
    async with working(home.worker(ScriptedEngine(ScriptedSettings(tokens_per_second=500.0)))):
        answer, _ = await home.answer(turn)
    assert answer.startswith("You wrote 1 message, the last one: about sea birds")


async def test_a_reply_belongs_to_the_first_question_whatever_joins(home: House) -> None:
    """A post that was lost is looked for from there on: a later question may be newer than it."""
    await home.say("Where", message_id="7")
    turn = (await home.say("and when", message_id="8")).turn_id
    query = "SELECT reply_to FROM deliveries WHERE turn_id = %(turn)s"
    assert await home.rows(query, {"turn": turn}) == [("7",)]
