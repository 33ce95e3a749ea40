"""How the assistant behaves in a conversation, chosen there and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest_asyncio

from assistant.answering.personas import BUILT_IN
from assistant.settings import AssistantSettings, PersonaSettings
from tests.support.house import CHAT, FAST, House, house
from tests.support.orders import GROUP, system_prompt, told

PIRATE = PersonaSettings(title="Captain <Redbeard>", prompt="Talk like a pirate. {x} %s")
SETTINGS = AssistantSettings(**{**FAST.model_dump(), "personas": {"pirate": PIRATE}})


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url, settings=SETTINGS) as built:
        yield built


async def test_all_are_listed_and_the_present_one_is_named(home: House) -> None:
    listed = await told(home, "persona")
    for name in ("default", *BUILT_IN, "pirate"):
        assert f"/persona {name} – " in listed
    assert "Captain <Redbeard>" in listed
    assert "in this chat: As usual" in listed
    await told(home, "persona", "PIRATE")
    assert "in this chat: Captain <Redbeard>" in await told(home, "persona")


async def test_the_model_is_told_from_the_next_turn_on(home: House) -> None:
    await told(home, "persona", "teacher")
    await home.say("What is a heron?")
    told_first = await system_prompt(home)
    assert told_first.startswith(SETTINGS.system_prompt)
    assert BUILT_IN["teacher"] in told_first
    await told(home, "persona", "pirate")
    await home.say("And a stork?")
    assert "Talk like a pirate. {x} %s" in await system_prompt(home)
    await told(home, "persona", "default")
    await home.say("And a crane?")
    assert await system_prompt(home) == SETTINGS.system_prompt


async def test_it_holds_in_one_conversation_alone(home: House) -> None:
    topic = replace(GROUP, thread_id="5")
    await told(home, "persona", "brief", chat=topic)
    elsewhere = replace(topic, chat_id="-200")
    for chat, expected in ((GROUP, False), (topic, True), (CHAT, False), (elsewhere, False)):
        listed = await told(home, "persona", chat=chat)
        assert ("in this chat: Short" in listed) is expected
        await home.say("Hello", chat)
        assert (BUILT_IN["brief"] in await system_prompt(home)) is expected


async def test_an_unknown_one_is_answered_with_those_there_are(home: House) -> None:
    for name in ("nobody", "x" * 100_000, "🏴‍☠️", "pirate; DROP TABLE conversations"):
        answer = await told(home, "persona", name)
        assert answer.endswith("There are: default, brief, teacher, editor, pirate.")


async def test_one_that_the_settings_do_not_name_any_more_is_the_default(home: House) -> None:
    await told(home, "persona", "pirate")
    await home.say("Hello")
    assert await system_prompt(home, FAST) == FAST.system_prompt
