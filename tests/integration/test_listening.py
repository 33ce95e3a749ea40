"""Threads that are heard without a mention, and that are told to be quiet; all in Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest_asyncio

from assistant.incoming.listening import Listening
from tests.support.house import CHAT, House, house
from tests.support.orders import GROUP, answered

THREAD = replace(GROUP, thread_id="1.1")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


async def test_it_takes_part_where_it_was_addressed_and_nowhere_else(home: House) -> None:
    assert not await home.service.takes_part(THREAD)
    await home.say("hello", THREAD)
    assert await home.service.takes_part(THREAD)
    for other in (GROUP, replace(THREAD, thread_id="2.2"), replace(THREAD, chat_id="-200")):
        assert not await home.service.takes_part(other)


async def test_who_told_it_to_be_quiet_is_heard_again_once_it_is_addressed_anew(
    home: House,
) -> None:
    await home.say("hello", THREAD)
    await home.say("hello", replace(THREAD, thread_id="2.2"))
    said = (await answered(home, "quiet", chat=THREAD, language="de")).text
    assert said == "Ich bin hier still. Erwähne mich, dann mache ich wieder mit."
    anew = Listening(home.database)  # as after a restart
    assert not await anew.takes_part(THREAD)
    assert await anew.takes_part(replace(THREAD, thread_id="2.2"))
    await home.say("and you?", THREAD)
    assert await anew.takes_part(THREAD)


async def test_an_order_to_be_quiet_that_comes_again_is_not_about_what_came_after(
    home: House,
) -> None:
    await home.say("hello", THREAD)
    await answered(home, "quiet", chat=THREAD, message_id="9.9")
    await home.say("and you?", THREAD)
    await answered(home, "quiet", chat=THREAD, message_id="9.9")
    assert await home.service.takes_part(THREAD)


async def test_in_a_private_chat_nothing_is_quiet(home: House) -> None:
    await home.say("hello", CHAT)
    said = (await answered(home, "quiet")).text
    assert said.startswith("Between the two of us")
    assert await home.service.takes_part(CHAT)


async def test_help_in_a_thread_of_slack_names_the_order_to_be_quiet(home: House) -> None:
    await home.service.accounts.register("slack", "default")
    slack = replace(THREAD, channel="slack")
    told = (await answered(home, "help", chat=slack)).text
    assert "/quiet – Answer here only when mentioned" in told
    assert "/quiet" not in (await answered(home, "help", chat=THREAD)).text
