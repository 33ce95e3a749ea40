"""More than can wait: each is stored, or told in a sentence that it isn't, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.errors import MessageRefused, QueueFull
from assistant.messages import ChatRef
from assistant.settings import AssistantSettings
from assistant.storage.database import POOL_SIZE
from inference.api import ChatMessage, Sampling
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import FAST, House, house, incoming, working

AT_ONCE = 10_000


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    limits = {"person_turns": 3, "waiting_turns": 5, "waiting_tokens": 10_000}
    async with house(database_url, redis_url, settings=FAST.model_copy(update=limits)) as built:
        yield built


def chat(number: int) -> ChatRef:
    return ChatRef("telegram", "default", f"{number}")


async def test_one_person_may_have_so_many_waiting_and_others_still_ask(home: House) -> None:
    for number in range(3):
        await home.say("Again", chat=chat(number))
    with pytest.raises(QueueFull, match="You have 3 questions waiting") as refused:
        await home.say("And again", chat=chat(9))
    assert refused.value.retry_after_seconds > 0
    await home.say("My first", chat=chat(20), sender_id="8")
    assert await home.rows("SELECT count(*) FROM turns") == [(4,)]
    assert await home.rows("SELECT count(*) FROM messages") == [(4,)], "nothing of it is stored"


async def test_what_is_refused_is_taken_once_there_is_room(home: House) -> None:
    turns = [(await home.say("Again", chat=chat(number))).turn_id for number in range(3)]
    late = incoming("Once more", chat(9))
    with pytest.raises(QueueFull):
        await home.service.accept(late)
    await home.service.stop(turns[0])
    assert (await home.service.accept(late)).turn_id not in (0, *turns)


async def test_a_redelivery_is_known_also_where_the_queue_is_full(home: House) -> None:
    messages = [incoming("Hello", chat(number), sender_id=f"{number}") for number in range(5)]
    first = [await home.service.accept(message) for message in messages]
    with pytest.raises(QueueFull, match="5 questions are waiting"):
        await home.say("One more", chat=chat(9), sender_id="9")
    again = [await home.service.accept(message) for message in messages]
    assert all(one.duplicate for one in again)
    assert [one.turn_id for one in again] == [one.turn_id for one in first]


async def test_so_many_tokens_may_wait_and_one_that_is_alone_is_never_too_much(
    home: House,
) -> None:
    await home.say("word " * 6_000, chat=chat(1), sender_id="1")
    with pytest.raises(QueueFull):
        await home.say("word " * 6_000, chat=chat(2), sender_id="2")
    await home.say("A short one", chat=chat(3), sender_id="3")


async def test_the_sentence_comes_in_the_persons_language() -> None:
    from assistant.phrases import LANGUAGES, Phrase, say

    for key, values in (
        ("refused.full", {"waiting": 1234}),
        ("refused.full_of_yours", {"most": 3}),
    ):
        assert len({say(Phrase(key, values), language) for language in LANGUAGES}) == 6


async def test_ten_thousand_at_once_are_stored_or_refused_and_none_is_lost(
    database_url: str, redis_url: str
) -> None:
    limits = {"person_turns": AT_ONCE, "waiting_turns": 200}
    settings: AssistantSettings = FAST.model_copy(update=limits)
    async with house(database_url, redis_url, settings=settings) as home:

        async def ask(number: int) -> str | int:
            given = [ChatMessage("user", f"Question {number}")]
            where = ChatRef("api", "default", f"request-{number}")
            try:
                return (await home.service.accept_request(where, given, Sampling())).turn_id
            except MessageRefused as refused:
                return str(refused)

        said = await asyncio.gather(*map(ask, range(AT_ONCE)))
        taken = [one for one in said if isinstance(one, int)]
        refused = Counter(one for one in said if isinstance(one, str))
        assert 200 <= len(taken) <= 200 + POOL_SIZE, "but for those that were just being stored"
        assert len(set(taken)) + sum(refused.values()) == AT_ONCE
        assert all(one.endswith("Please try again in a minute.") for one in refused)
        quick = ScriptedEngine(ScriptedSettings(tokens_per_second=100_000, answer_tokens=1))
        async with working(home.worker(quick)):
            ended = [(await home.answer(turn))[1].state for turn in taken]
        assert set(ended) == {"done"}
