"""Who waits is told how many are before them: in the placeholder, or in the status."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from assistant.answering import places
from assistant.messages import ChatRef
from assistant.outgoing import show
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import FAST, House, house, until, working
from tests.support.screen import ScreenChannel

ONE_AT_A_TIME = FAST.model_copy(update={"concurrent_turns": 1})


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(show, "PLACE_SECONDS", 0.05)
    monkeypatch.setattr(places, "LOOK_SECONDS", 0.02)
    yield


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url, settings=ONE_AT_A_TIME) as built:
        yield built


def chat(number: int) -> ChatRef:
    return ChatRef("telegram", "default", f"{number}")


def engine() -> ScriptedEngine:
    settings = ScriptedSettings(tokens_per_second=500, answer_tokens=4, first_token_seconds=0.4)
    return ScriptedEngine(settings)


async def ask(home: House, people: int) -> list[int]:
    return [
        (await home.say("How are you?", chat=chat(one), sender_id=f"{one}")).turn_id
        for one in range(people)
    ]


async def test_the_placeholder_says_how_many_are_before_and_then_the_answer(home: House) -> None:
    turns = await ask(home, 4)
    last = home.screen.chats["3"]
    await until(lambda: last and last[0].text == "3 before you…")
    async with working(home.worker(engine())):
        reply, _ = await home.answer(turns[-1])
        await until(lambda: last[0].final)
    assert [look for look in last[0].looks if "before you" in look] == [
        f"{number} before you…" for number in (3, 2, 1)
    ]
    assert last[0].text == reply
    assert not any("before you" in look for look in home.screen.chats["0"][0].looks)


async def test_the_places_are_those_in_which_the_turns_begin(home: House) -> None:
    turns = await ask(home, 4)
    told = [await home.service.before(turn) for turn in turns]
    async with working(home.worker(engine())):
        for turn in turns:
            await home.answer(turn)
        begun = [one for (one,) in await home.rows("SELECT id FROM turns ORDER BY started_at")]
        await until(lambda: gone(home, turns[0]))
    assert told == [begun.index(turn) for turn in turns] == [0, 1, 2, 3]


async def gone(home: House, turn: int) -> bool:
    return await home.service.before(turn) is None


async def test_a_status_says_it_where_there_are_statuses(database_url: str, redis_url: str) -> None:
    screen = ScreenChannel(statuses=[])
    async with house(database_url, redis_url, settings=ONE_AT_A_TIME, screen=screen) as home:
        turns = await ask(home, 3)
        await until(lambda: 2 in screen.befores and 1 in screen.befores)
        async with working(home.worker(engine())):
            await home.answer(turns[-1])
            await until(lambda: screen.chats["2"] and screen.chats["2"][0].final)
    assert screen.befores.count(2) == 1, "it is said once, not at each look"
    assert "edit" in screen.calls and screen.chats["2"][0].looks[0] == ""


async def test_a_turn_that_waits_for_its_own_conversation_has_no_place(home: House) -> None:
    long = ScriptedEngine(ScriptedSettings(tokens_per_second=20, answer_tokens=400))
    async with working(home.worker(long)):
        first = await home.say("A story", chat=chat(1))
        await until(lambda: home.screen.calls.count("edit") > 1)
        second = await home.say("And then?", chat=chat(1))
        assert second.turn_id != first.turn_id
        assert await home.service.before(second.turn_id) is None
