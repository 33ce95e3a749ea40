"""The parts of an album are one turn, whenever they come; the answer has seen all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest_asyncio

from assistant.messages import Attachment, ChatRef, IncomingMessage
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, House, house, incoming, until, working
from tests.support.pictures import png

OTHER = ChatRef("telegram", "default", "43")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def engine(**settings: object) -> ScriptedEngine:
    given = {"tokens_per_second": 40, "vision": True, **settings}
    return ScriptedEngine(ScriptedSettings(**given))  # type: ignore[arg-type]


def part(number: int, text: str = "", album: str = "13", chat: ChatRef = CHAT) -> IncomingMessage:
    picture = Attachment("image", f"f{number}", data=png(4, 3, number))
    return replace(incoming(text, chat), album=album, attachments=(picture,))


async def shown_last(home: House, chat: ChatRef = CHAT) -> str:
    """What the one reply in the chat says in the end."""
    await until(lambda: _all_shown(home))
    [reply] = home.screen.chats[chat.chat_id]
    return reply.text


async def _all_shown(home: House) -> bool:
    return not await home.rows("SELECT FROM deliveries WHERE state IN ('pending', 'active')")


async def test_parts_that_come_before_the_answer_are_one_question(home: House) -> None:
    turns = {(await home.service.accept(part(n, "Who?" * (n == 1)))).turn_id for n in (1, 2, 3)}
    async with working(home.worker(engine())):
        said, _ = await home.answer(turns.pop())
    assert not turns
    assert said.startswith("You wrote 1 message, with 3 images, the last one: Who?")


async def test_a_part_that_comes_while_the_answer_is_shown_is_answered_in_the_same_place(
    home: House,
) -> None:
    async with working(home.worker(engine(answer_tokens=80))):
        await home.service.accept(part(1, "Who?"))
        await until(lambda: home.screen.calls.count("edit") > 1)
        late = await home.service.accept(part(2))
        said, _ = await home.answer(late.turn_id)
        assert await shown_last(home) == said
    assert said.startswith("You wrote 1 message, with 2 images, the last one: Who?")
    rows = await home.rows("SELECT count(*) FROM turns WHERE superseded_by IS NULL")
    assert rows == [(1,)]


async def test_a_part_that_comes_after_the_answer_is_answered_in_the_same_place(
    home: House,
) -> None:
    async with working(home.worker(engine(tokens_per_second=500))):
        first = await home.service.accept(part(1, "Who?"))
        await home.answer(first.turn_id)
        await shown_last(home)
        late = await home.service.accept(part(2))
        assert late.turn_id != first.turn_id
        await home.answer(late.turn_id)
        said = await shown_last(home)
    assert said.startswith("You wrote 1 message, with 2 images")


async def test_a_part_that_comes_twice_changes_nothing(home: House) -> None:
    second = part(2)
    async with working(home.worker(engine(tokens_per_second=500))):
        await home.service.accept(part(1, "Who?"))
        late = await home.service.accept(second)
        await home.answer(late.turn_id)
        again = await home.service.accept(second)
        await home.service.accept(replace(second, event_id="another delivery"))
    assert again.turn_id == late.turn_id
    assert len(await home.rows("SELECT FROM messages")) == 2
    assert len(await home.rows("SELECT FROM attachments")) == 2


async def test_an_answer_that_was_stopped_stays_so(home: House) -> None:
    async with working(home.worker(engine(tokens_per_second=10))):
        first = await home.service.accept(part(1, "Who?"))
        await until(lambda: home.rows("SELECT FROM turns WHERE shown_at IS NOT NULL"))
        await home.service.stop(first.turn_id)
        await home.answer(first.turn_id)
        await home.service.accept(part(2))
        assert await home.rows("SELECT state FROM turns") == [("stopped",)]
    assert len(await home.rows("SELECT FROM attachments")) == 2


async def test_albums_of_other_chats_and_other_albums_are_apart(home: House) -> None:
    turns = [
        (await home.service.accept(one)).turn_id
        for one in (part(1), part(2, chat=OTHER), part(3, album="14"))
    ]
    assert turns[1] != turns[0]
    # Another album joins what waits, as any message does.
    assert turns[2] == turns[0]
    assert await home.service.in_album(CHAT, "13")
    assert not await home.service.in_album(CHAT, "15")
    assert not await home.service.in_album(CHAT, "")
    assert not await home.service.in_album(OTHER, "14")


async def test_a_deleted_album_is_not_added_to(home: House) -> None:
    first = part(1, "Who?")
    await home.service.accept(first)
    await home.service.erase(CHAT, first.message_id)
    assert not await home.service.in_album(CHAT, "13")
    late = await home.service.accept(part(2))
    async with working(home.worker(engine(tokens_per_second=500))):
        said, _ = await home.answer(late.turn_id)
    assert said.startswith("You wrote 1 message, with 1 image,")
