"""Files that come after their message: the answer waits for them; none is lost or given twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from assistant.answering.context import Context
from assistant.answering.turns import Claimant
from assistant.errors import MessageRefused
from assistant.incoming.late_files import LateFiles
from assistant.messages import Attachment, ChatRef, Edited, IncomingMessage
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, House, house, incoming, until, working

COMING = Attachment("text", "f1", "notes.txt", "text/plain", awaited=True)
THERE = replace(COMING, data=b"apples are red", awaited=False)
GONE = replace(COMING, awaited=False)
SHOWN = "The file notes.txt:\n```\napples are red\n```"
UNSEEN = "[The file notes.txt came with this message: you can't see or open it.]"


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


@pytest.fixture
async def model() -> ScriptedEngine:
    made = ScriptedEngine(ScriptedSettings(tokens_per_second=500))
    await made.start(lambda line, share: None)
    return made


def with_file(text: str = "What colour?", chat: ChatRef = CHAT) -> IncomingMessage:
    return replace(incoming(text, chat), attachments=(COMING,))


def now_with(message: IncomingMessage, file: Attachment) -> IncomingMessage:
    return replace(message, attachments=(file,))


async def claimed(home: House, model: ScriptedEngine) -> list[str]:
    """The last message of each prompt that a worker would begin with now."""
    who = Claimant("tester", 10.0, model.info.fingerprint)
    turns = [*await home.turns.take_over(who, 9), *await home.turns.claim(who, 9)]
    built = [await home.worker(model).context.build(turn) for turn in turns]
    return [one.prompt.messages[-1].content for one in built if isinstance(one, Context)]


async def test_an_answer_waits_for_a_file_that_is_on_its_way(
    home: House, model: ScriptedEngine
) -> None:
    message = with_file()
    await home.service.accept(message)
    assert await claimed(home, model) == []
    await home.service.complete(now_with(message, THERE))
    assert await claimed(home, model) == [f"{SHOWN}\n\nWhat colour?"]


async def test_what_cant_be_had_is_not_waited_for_any_longer(
    home: House, model: ScriptedEngine
) -> None:
    message = with_file()
    await home.service.accept(message)
    await home.service.complete(now_with(message, GONE))
    assert await claimed(home, model) == [f"{UNSEEN}\n\nWhat colour?"]


async def test_should_nobody_bring_the_file_it_is_answered_without(
    home: House, model: ScriptedEngine
) -> None:
    accepted = await home.service.accept(replace(with_file(), attachments=(GONE,)))
    await LateFiles(home.database).wait(accepted.turn_id, 0.1)
    assert await claimed(home, model) == []
    prompts: list[str] = []

    async def is_due() -> bool:
        prompts.extend(await claimed(home, model))
        return bool(prompts)

    await until(is_due)
    assert prompts == [f"{UNSEEN}\n\nWhat colour?"]


async def test_what_did_not_wait_is_answered_again_in_its_place(
    home: House, model: ScriptedEngine
) -> None:
    message = with_file()
    accepted = await home.service.accept(message)
    await LateFiles(home.database).bring(now_with(message, GONE))
    async with working(home.worker(model)):
        await until(lambda: _is_done(home, accepted.turn_id))
        await home.service.complete(now_with(message, THERE))
        await until(lambda: _answers(home, 1))
        await home.service.complete(now_with(message, THERE))  # it is there already
    [question, answer] = await home.service.history(CHAT)
    assert (question.text, answer.state) == ("What colour?", "done")
    turns = [row.id for row in await home.rows("SELECT id FROM turns ORDER BY id")]
    assert turns == [accepted.turn_id, answer.turn_id]


async def test_a_pdf_that_was_opened_before_is_not_opened_again(
    home: House, model: ScriptedEngine
) -> None:
    paper = Attachment("text", "f2", "paper.pdf", "application/pdf", data=b"grey", opened=True)
    await home.service.accept(replace(incoming("Which?", CHAT), attachments=(paper,)))
    assert await claimed(home, model) == ["The file paper.pdf:\n```\ngrey\n```\n\nWhich?"]


async def test_a_message_that_joins_takes_the_waiting_turn_along(
    home: House, model: ScriptedEngine
) -> None:
    message = with_file()
    first = await home.service.accept(message)
    second = await home.service.accept(incoming("Never mind.", CHAT))
    assert (second.turn_id, second.joined) == (first.turn_id, True)
    [prompt] = await claimed(home, model)
    assert prompt == f"{UNSEEN}\n\nWhat colour?\n\nNever mind."


async def test_a_question_that_is_edited_meanwhile_gets_the_file_too(
    home: House, model: ScriptedEngine
) -> None:
    message = with_file()
    await home.service.accept(message)
    await home.service.edit(
        Edited(CHAT, "edit-1", message.message_id, message.sender_id, "Which colour?")
    )
    await home.service.complete(now_with(message, THERE))
    assert await claimed(home, model) == [f"{SHOWN}\n\nWhich colour?"]


async def test_stop_ends_an_answer_that_waits_for_its_file(
    home: House, model: ScriptedEngine
) -> None:
    message = with_file()
    accepted = await home.service.accept(message)
    assert await home.service.stop(accepted.turn_id)
    await home.service.complete(now_with(message, THERE))
    assert await claimed(home, model) == []


async def test_a_file_alone_that_is_unreadable_is_refused_and_forgotten(
    home: House, model: ScriptedEngine
) -> None:
    message = with_file("")
    await home.service.accept(message)
    with pytest.raises(MessageRefused) as refused:
        await home.service.complete(now_with(message, replace(THERE, data=b"\x00\x01")))
    assert refused.value.phrase.key == "content.unreadable_text"
    assert await claimed(home, model) == []
    assert await home.service.history(CHAT) == []


async def test_a_replica_that_gets_no_file_takes_none_away(
    home: House, model: ScriptedEngine
) -> None:
    message = with_file("")
    await home.service.accept(message)
    await home.service.complete(now_with(message, THERE))
    await home.service.complete(now_with(message, GONE))
    assert await claimed(home, model) == [SHOWN]


async def test_a_file_of_a_message_that_is_gone_changes_nothing(
    home: House, model: ScriptedEngine
) -> None:
    message = with_file()
    await home.service.accept(message)
    await home.service.erase(CHAT, message.message_id)
    await home.service.complete(now_with(message, THERE))
    await home.service.complete(now_with(with_file(), THERE))  # one that never came
    assert await claimed(home, model) == []


# --- what was said in a thread before

SAID = "> Ada wrote: We ship on Friday.\n> Grace wrote: On Monday."
THREAD = Attachment("thread", "", data=SAID.encode())


async def test_what_was_said_in_a_thread_stands_before_the_question(
    home: House, model: ScriptedEngine
) -> None:
    await home.service.accept(replace(incoming("When?", CHAT), attachments=(THERE, THREAD)))
    [prompt] = await claimed(home, model)
    assert prompt == f"[Said in this thread before:]\n{SAID}\n\n{SHOWN}\n\nWhen?"


async def test_a_long_thread_loses_its_oldest_lines_before_anything_else_is_cut(
    home: House, model: ScriptedEngine
) -> None:
    lines = [f"> Ada wrote: number {number} {'a ' * 150}" for number in range(100)]
    thread = replace(THREAD, data="\n".join(lines).encode())
    await home.service.accept(replace(incoming("Which?", CHAT), attachments=(THERE, thread)))
    [prompt] = await claimed(home, model)
    question = f"\n\n{SHOWN}\n\nWhich?"
    assert prompt.endswith(question)
    said = prompt.removeprefix("[Said in this thread before:]\n").removesuffix(question)
    kept = said.split("\n")
    assert 1 < len(kept) < 100
    assert kept == lines[-len(kept) :]


async def test_what_was_said_in_a_thread_is_forgotten_with_its_message(home: House) -> None:
    message = replace(incoming("When?", CHAT), attachments=(THREAD,))
    await home.service.accept(message)
    await home.service.erase(CHAT, message.message_id)
    assert await home.database.rows("SELECT FROM attachments") == []


async def _is_done(home: House, turn_id: int) -> bool:
    reply = await home.turns.read(turn_id)
    return reply is not None and reply.final


async def _answers(home: House, number: int) -> bool:
    entries = [one for one in await home.service.history(CHAT) if one.role == "assistant"]
    return len(entries) == number and all(one.state == "done" for one in entries)
