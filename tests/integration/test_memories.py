"""What a person tells the assistant to remember: used in their private chats, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from assistant.answering.memories import LONGEST, MOST, Memories
from assistant.messages import ChatRef
from tests.support.house import CHAT, House, house
from tests.support.orders import GROUP, system_prompt, told


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


async def test_what_is_remembered_is_listed_with_its_number(home: House) -> None:
    assert "remember nothing" in await told(home, "memory")
    assert "number 1" in await told(home, "memory", "I live in Lisbon")
    assert "number 2" in await told(home, "memory", "I like  <b>herons</b>\nand 🎉")
    listed = await told(home, "memory")
    assert "1. I live in Lisbon\n2. I like <b>herons</b> and 🎉" in listed


async def test_the_model_is_told_in_private_and_not_in_a_group(home: House) -> None:
    await told(home, "memory", "I live in Lisbon")
    await home.say("Where do I live?")
    assert "- I live in Lisbon" in await system_prompt(home)
    await home.say("Where do I live?", GROUP)
    assert "Lisbon" not in await system_prompt(home)
    await home.say("Where does Ana live?", ChatRef("telegram", "default", "8"), sender_id="8")
    assert "Lisbon" not in await system_prompt(home)


async def test_a_group_is_told_nothing_and_stores_nothing(home: House) -> None:
    await told(home, "memory", "I live in Lisbon")
    for argument in ("", "I like herons", "forget 1", "forget all"):
        assert "private chats only" in await told(home, "memory", argument, chat=GROUP)
    assert "1. I live in Lisbon" in await told(home, "memory")
    assert "herons" not in await told(home, "memory")


async def test_one_is_forgotten_by_its_number_and_the_others_keep_theirs(home: House) -> None:
    for text in ("one", "two", "three"):
        await told(home, "memory", text)
    assert "2 is forgotten" in await told(home, "memory", "forget 2")
    # The same order again takes no other away.
    assert "no number 2" in await told(home, "memory", "Forget 2")
    assert "1. one\n3. three" in await told(home, "memory")
    for number in ("0", "99999999999999999999", "²"):
        assert "Number" not in await told(home, "memory", f"forget {number}")


async def test_all_is_forgotten_by_one_word(home: House) -> None:
    await told(home, "memory", "one")
    assert "Which one?" in await told(home, "memory", "forget")
    assert "nothing of you any more" in await told(home, "memory", "forget all")
    assert "remember nothing" in await told(home, "memory")


async def test_what_is_known_is_not_kept_twice(home: House) -> None:
    assert "number 1" in await told(home, "memory", "one")
    assert "number 1" in await told(home, "memory", "one")


async def test_one_that_is_too_long_or_one_too_many_is_refused_in_words(home: House) -> None:
    assert f"{LONGEST + 1}" in await told(home, "memory", "x" * (LONGEST + 1))
    assert "102,400" in await told(home, "memory", "x" * 102_400)
    for number in range(MOST):
        await told(home, "memory", f"thing {number}")
    assert f"{MOST} things" in await told(home, "memory", "one more")
    assert "one more" not in await told(home, "memory")


async def test_two_at_once_get_two_numbers(home: House) -> None:
    await told(home, "memory", "zero")
    [[person]] = await home.rows("SELECT id FROM persons")
    memories = Memories(home.database)
    numbers = await asyncio.gather(*(memories.add(person, f"thing {one}") for one in range(8)))
    assert sorted(one or 0 for one in numbers) == list(range(2, 10))


async def test_one_persons_are_not_anothers(home: House) -> None:
    await told(home, "memory", "mine")
    other = ChatRef("telegram", "default", "8")
    assert "mine" not in await told(home, "memory", chat=other, sender="8")
    await told(home, "memory", "forget all", chat=other, sender="8")
    assert "mine" in await told(home, "memory", chat=CHAT)
