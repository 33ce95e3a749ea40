"""What an admin asks the model beside people's conversations: answered, delivered to nobody, and
gone with the words that it repeats."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.answering.experiments import Experiment
from assistant.errors import TurnNotFound
from assistant.orders.erasure import Erasure
from assistant.storage.pruning import Pruning
from inference.api import ChatMessage, Image, Sampling
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, House, house, until, working
from tests.support.orders import GROUP, quick
from tests.support.pictures import png

ASKED = (ChatMessage("system", "Be brief."), ChatMessage("user", "Tell me about herons"))


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


async def answer(home: House, turn_id: int) -> str:
    text = ""
    async for delta in home.experiments.follow(turn_id):
        text = text[: delta.offset] + delta.text
    return text


async def test_its_messages_are_the_whole_prompt_and_nobody_is_shown_the_answer(
    home: House,
) -> None:
    async with working(home.worker(quick())) as worker:
        turn = await home.experiments.ask(Experiment(ASKED), "root")
        assert "herons" in await answer(home, turn)
        reply = await home.experiments.read(turn)
    assert (reply.state, reply.prompt_tokens) == ("done", 6)
    assert await home.rows("SELECT FROM deliveries") == []
    assert await home.rows("SELECT FROM persons") == []
    assert worker.engine.info.profile == "scripted"


async def test_images_are_shown(home: House) -> None:
    picture = Image("image/png", png(4), 4, 3)
    asked = [ChatMessage("user", "And this?", (picture,))]
    async with working(home.worker(ScriptedEngine(ScriptedSettings(vision=True)))):
        turn = await home.experiments.ask(Experiment(asked), "root")
        assert (await answer(home, turn)).startswith("You wrote 1 message, with 1 image")


async def test_sampling_is_the_experiments_own(home: House) -> None:
    asked = Experiment(ASKED, Sampling(max_tokens=3))
    async with working(home.worker(quick())):
        turn = await home.experiments.ask(asked, "root")
        await answer(home, turn)
    assert (await home.experiments.read(turn)).output_tokens == 3


async def test_it_waits_for_an_engine_of_its_profile_and_holds_up_nobody(home: House) -> None:
    async with working(home.worker(quick(), "one")):
        turn = await home.experiments.ask(Experiment(ASKED, profile="another"), "root")
        await home.answer((await home.say("Hello")).turn_id)
        assert (await home.experiments.read(turn)).state == "queued"
        other = ScriptedEngine(ScriptedSettings(tokens_per_second=2000.0), profile="another")
        async with working(home.worker(other, "two")):
            await answer(home, turn)
            assert await home.experiments.profiles() == ["another", "scripted"]
    [attempt] = await home.rows("SELECT worker FROM attempts WHERE turn_id = %(t)s", {"t": turn})
    assert attempt.worker == "two"


async def test_nobodys_turn_is_read_followed_or_stopped_by_its_number(home: House) -> None:
    theirs = (await home.say("Hello")).turn_id
    for turn in (theirs, 2**62):
        with pytest.raises(TurnNotFound):
            await home.experiments.read(turn)
        with pytest.raises(TurnNotFound):
            await home.experiments.stop(turn)
        with pytest.raises(TurnNotFound):
            await answer(home, turn)
    assert await home.rows("SELECT state FROM turns") == [("queued",)]


async def test_a_stopped_one_keeps_what_was_said(home: House) -> None:
    slow = ScriptedEngine(ScriptedSettings(tokens_per_second=20.0, answer_tokens=400))
    async with working(home.worker(slow)):
        turn = await home.experiments.ask(Experiment(ASKED), "root")
        await until(lambda: _begun(home, turn))
        assert await home.experiments.stop(turn)
        text = await answer(home, turn)
    assert text and (await home.experiments.read(turn)).state == "stopped"


async def _begun(home: House, turn: int) -> bool:
    return bool((await home.experiments.read(turn)).text)


async def replay(home: House, turn: int) -> int:
    return await home.experiments.ask(Experiment(ASKED, repeats=turn), "root")


async def test_it_falls_with_the_conversation_whose_words_it_repeats(home: House) -> None:
    theirs = (await home.say("Tell me about herons")).turn_id
    again = await replay(home, theirs)
    await replay(home, again)
    assert await Erasure(home.database, home.redis).conversation(CHAT)
    assert await home.rows("SELECT FROM turns") == []
    assert await home.rows("SELECT FROM messages") == []
    with pytest.raises(TurnNotFound):
        await replay(home, theirs)


async def test_it_falls_with_a_message_of_the_conversation(home: House) -> None:
    await home.say("Tell me about herons", message_id="501")
    other = (await home.say("And of storks", message_id="502")).turn_id
    again = await replay(home, other)
    await home.service.erase(CHAT, "501")
    with pytest.raises(TurnNotFound):
        await home.experiments.read(again)


async def test_it_falls_with_a_person_of_the_group(home: House) -> None:
    await home.say("Tell me about herons", GROUP, sender_id="8")
    other = (await home.say("And of storks", GROUP, sender_id="9")).turn_id
    again = await replay(home, other)
    [person] = await home.rows("SELECT person_id FROM identities WHERE platform_id = '8'")
    assert await Erasure(home.database, home.redis).person(person.person_id)
    with pytest.raises(TurnNotFound):
        await home.experiments.read(again)


async def test_it_is_pruned_after_a_day_and_nothing_else_is(home: House) -> None:
    theirs = (await home.say("Hello")).turn_id
    old, fresh = await replay(home, theirs), await replay(home, theirs)
    await home.rows(
        "UPDATE experiments SET created_at = now() - interval '25 hours' WHERE turn_id = %(turn)s",
        {"turn": old},
    )
    assert await Pruning(home.database).prune_experiments() == 1
    assert await home.rows("SELECT id FROM turns ORDER BY id") == [(theirs,), (fresh,)]
    assert await home.rows("SELECT count(*) FROM conversations") == [(2,)]
