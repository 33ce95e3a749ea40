"""Files that come with a message: stored with it, shown to the model, gone with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from assistant.answering.context import Context
from assistant.answering.turns import Claimant
from assistant.errors import MessageRefused
from assistant.messages import Attachment, ChatRef, Edited, IncomingMessage
from inference.api import ChatMessage, Prompt
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, FAST, House, house, incoming, until, working
from tests.support.pictures import png

GROUP = ChatRef("telegram", "default", "-100", kind="group")
NOTES = Attachment("text", "f1", "notes.txt", "text/plain", data=b"apples are red")
PICTURE = Attachment("image", "f2", media_type="image/png", data=png(40, 30))
UNSEEN = "[An image came with this message: you can't see or open it.]"


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def engine(**settings: object) -> ScriptedEngine:
    given = {"tokens_per_second": 500, "vision": True, **settings}
    return ScriptedEngine(ScriptedSettings(**given))  # type: ignore[arg-type]


def with_files(text: str, *files: Attachment, chat: ChatRef = CHAT) -> IncomingMessage:
    return replace(incoming(text, chat), attachments=files)


async def asked(home: House, model: ScriptedEngine, turn_id: int) -> Prompt:
    """The prompt that a worker would build for a waiting turn."""
    [claimed] = await home.turns.claim(Claimant("tester", 10.0, model.info.fingerprint), 1)
    assert claimed.id == turn_id
    built = await home.worker(model).context.build(claimed)
    assert isinstance(built, Context)
    return built.prompt


@pytest.fixture
async def seeing() -> ScriptedEngine:
    model = engine()
    await model.start(lambda line, share: None)
    return model


@pytest.fixture
async def blind() -> ScriptedEngine:
    model = engine(vision=False)
    await model.start(lambda line, share: None)
    return model


async def test_a_text_file_stands_in_the_prompt_by_its_name(
    home: House, seeing: ScriptedEngine
) -> None:
    accepted = await home.service.accept(with_files("What colour?", NOTES))
    prompt = await asked(home, seeing, accepted.turn_id)
    expected = "The file notes.txt:\n```\napples are red\n```\n\nWhat colour?"
    assert prompt.messages[-1] == ChatMessage("user", expected)


async def test_a_long_text_file_is_cut_and_the_model_is_told(
    database_url: str, redis_url: str, seeing: ScriptedEngine
) -> None:
    short = FAST.model_copy(update={"message_characters": 100})
    async with house(database_url, redis_url, settings=short) as home:
        long = replace(NOTES, data=b"x" * 300)
        accepted = await home.service.accept(with_files("And?", long))
        prompt = await asked(home, seeing, accepted.turn_id)
    content = prompt.messages[-1].content
    assert content.count("x") == 96 + "notes.txt".count("x")
    assert "[Cut here: 204 of its 300 characters are missing.]" in content


async def test_a_picture_reaches_a_model_that_sees_and_is_known_to_one_that_does_not(
    home: House, seeing: ScriptedEngine, blind: ScriptedEngine
) -> None:
    accepted = await home.service.accept(with_files("Who?", PICTURE))
    [claimed] = await home.turns.claim(Claimant("tester", 10.0, seeing.info.fingerprint), 1)
    shown = await home.worker(seeing).context.build(claimed)
    told = await home.worker(blind, "other").context.build(claimed)
    assert isinstance(shown, Context)
    assert isinstance(told, Context)
    [image] = shown.prompt.messages[-1].images
    assert (image.data, image.media_type, image.width) == (png(40, 30), "image/png", 40)
    assert shown.prompt.messages[-1].content == "Who?"
    assert told.prompt.messages[-1] == ChatMessage("user", f"{UNSEEN}\n\nWho?")
    assert accepted.turn_id == claimed.id


async def test_what_was_sent_stays_in_the_conversation(home: House) -> None:
    async with working(home.worker(engine())):
        first = await home.service.accept(with_files("", PICTURE))
        said, _ = await home.answer(first.turn_id)
        second = await home.service.accept(with_files("and the notes?", NOTES))
        await home.answer(second.turn_id)
    assert said.startswith("You wrote 1 message, with 1 image,")
    third = await home.say("again")
    model = engine()
    await model.start(lambda line, share: None)
    prompt = await asked(home, model, third.turn_id)
    assert [len(one.images) for one in prompt.messages if one.role == "user"] == [1, 0, 0]
    assert "apples are red" in prompt.messages[3].content


async def test_of_many_pictures_the_newest_are_shown(home: House, seeing: ScriptedEngine) -> None:
    for shade in range(12):
        picture = replace(PICTURE, data=png(4, 3, shade))
        accepted = await home.service.accept(with_files(f"number {shade}", picture))
    prompt = await asked(home, seeing, accepted.turn_id)
    [message] = [one for one in prompt.messages if one.role == "user"]
    assert [one.data for one in message.images] == [png(4, 3, shade) for shade in range(2, 12)]
    assert message.content.count(UNSEEN) == 2


async def test_a_picture_that_no_engine_takes_spoils_its_own_turn_alone(
    home: House, seeing: ScriptedEngine
) -> None:
    broken = await home.service.accept(with_files("What is this?", PICTURE))
    await home.rows("UPDATE turns SET state = 'failed' RETURNING id")
    after = await home.say("And what is two and two?")
    prompt = await asked(home, seeing, after.turn_id)
    assert not any(one.images for one in prompt.messages)
    assert UNSEEN in prompt.messages[-1].content
    await home.rows("UPDATE turns SET state = 'done' WHERE state = 'running' RETURNING id")
    again = await home.service.retry(broken.turn_id)
    assert again is not None
    assert len((await asked(home, seeing, again)).messages[-1].images) == 1


async def test_a_turn_that_is_taken_over_goes_on_with_its_picture(home: House) -> None:
    slow = engine(tokens_per_second=20, answer_tokens=60)
    first = await home.service.accept(with_files("Who?", PICTURE))
    async with working(home.worker(slow, "first")):
        await until(lambda: home.rows("SELECT FROM turns WHERE reply_token_ids <> '{}'"))
    [(frozen,)] = await home.rows("SELECT prompt_messages FROM turns")
    assert [len(message) for message in frozen] == [2, 3]  # the image by its key alone
    async with working(home.worker(engine(answer_tokens=60), "second")):
        said, last = await home.answer(first.turn_id)
    assert last.attempt == 2
    assert said.startswith("You wrote 1 message, with 1 image, the last one: Who?")


async def test_an_edit_changes_the_text_and_leaves_the_files(
    home: House, seeing: ScriptedEngine
) -> None:
    message = with_files("Waht?", PICTURE, NOTES)
    accepted = await home.service.accept(message)
    edited = Edited(CHAT, "edit-1", message.message_id, message.sender_id, "What?")
    await home.service.edit(edited)
    prompt = await asked(home, seeing, accepted.turn_id)
    assert len(prompt.messages[-1].images) == 1
    assert prompt.messages[-1].content.endswith("What?")
    assert "apples are red" in prompt.messages[-1].content


async def test_with_the_message_its_files_are_gone(home: House) -> None:
    message = with_files("keep", PICTURE, NOTES)
    await home.service.accept(message)
    await home.say("another", CHAT)
    assert len(await home.rows("SELECT FROM attachments")) == 2
    await home.service.erase(CHAT, message.message_id)
    assert await home.rows("SELECT FROM attachments") == []


async def test_a_redelivered_message_stores_its_files_once(home: House) -> None:
    message = with_files("once", PICTURE)
    await home.service.accept(message)
    assert (await home.service.accept(message)).duplicate
    assert len(await home.rows("SELECT FROM attachments")) == 1


async def test_in_a_group_a_file_is_its_senders(home: House, seeing: ScriptedEngine) -> None:
    accepted = await home.service.accept(with_files("Colour?", NOTES, chat=GROUP))
    prompt = await asked(home, seeing, accepted.turn_id)
    assert prompt.messages[-1].content.startswith("Ana: The file notes.txt:\n```\napples")


async def test_a_picture_alone_is_refused_where_no_model_sees_and_wanted_where_none_runs(
    home: House,
) -> None:
    alone, with_words = with_files("", PICTURE), with_files("Who?", PICTURE, NOTES)
    assert await home.service.wanted(alone) == (PICTURE,)
    async with working(home.worker(engine(vision=False))):
        await until(lambda: home.service.engine_info())
        with pytest.raises(MessageRefused) as refused:
            await home.service.wanted(alone)
        assert refused.value.phrase.key == "content.blind"
        assert await home.service.wanted(with_words) == [NOTES]


async def test_a_file_that_could_not_be_had_is_named_in_the_prompt(
    home: House, seeing: ScriptedEngine
) -> None:
    missing = replace(NOTES, data=None)
    accepted = await home.service.accept(with_files("What colour?", missing))
    prompt = await asked(home, seeing, accepted.turn_id)
    named = "[The file notes.txt came with this message: you can't see or open it.]"
    assert prompt.messages[-1].content == f"{named}\n\nWhat colour?"
