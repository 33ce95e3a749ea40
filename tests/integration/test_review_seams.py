"""Where two parts meet: retry and removal, forgetting and moving, albums, edits and access."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from assistant.errors import MessageRefused
from assistant.messages import Attachment, ChatRef, Edited
from assistant.phrases import Phrase, say
from tests.support.house import CHAT, House, house, incoming, until, working
from tests.support.orders import answered, asked, press, quick, told
from tests.support.pictures import png

OLD = ChatRef("telegram", "default", "-40", kind="group")
NEW = ChatRef("telegram", "default", "-100", kind="group")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built, working(built.worker(quick())):
        yield built


async def questions(home: House) -> list[str]:
    found = await home.rows("SELECT text FROM messages WHERE deleted_at IS NULL ORDER BY id")
    return [row[0] for row in found]


async def test_a_button_pressed_while_its_answer_is_being_removed_does_not_bring_it_back(
    home: House,
) -> None:
    turn, _ = await asked(home, "My secret", message_id="500")
    # As the removal stands before anybody carries it out.
    await home.service.revisions.delete(CHAT, "500")
    await home.service.press(press("retry", turn))
    await until(lambda: not home.screen.chats[CHAT.chat_id])


async def test_after_a_move_a_number_means_the_new_chats_message(home: House) -> None:
    """A supergroup counts its messages from 1 again."""
    _, number = await asked(home, "In the old group", OLD, message_id="500")
    await home.service.move(OLD, NEW.chat_id)
    await asked(home, "In the new group", NEW, message_id="500")
    english = say(Phrase("forget.unknown"), "en")
    assert await told(home, "forget", chat=NEW, about=number) == english
    assert await questions(home) == ["In the old group", "In the new group"]


async def test_of_an_album_all_parts_are_forgotten_by_a_reply_to_one(home: House) -> None:
    parts = [
        replace(
            incoming("Who are they?" * (number == 1)),
            album="13",
            attachments=(Attachment("image", f"f{number}", data=png(4, 3, number)),),
        )
        for number in (1, 2, 3)
    ]
    for one in parts:
        turn = (await home.service.accept(one)).turn_id
    await home.answer(turn)
    await answered(home, "forget", about=parts[0].message_id)
    assert await home.rows("SELECT FROM attachments") == []
    await until(lambda: not home.screen.chats[CHAT.chat_id])


async def test_who_may_not_talk_any_more_is_not_answered_for_an_edit(home: House) -> None:
    await asked(home, "About herons", message_id="500")
    await home.rows("UPDATE identities SET access = 'blocked'")
    with pytest.raises(MessageRefused):
        await home.service.edit(Edited(CHAT, "edit-1", "500", "7", "About storks"))
    assert len(await home.rows("SELECT FROM turns")) == 1


async def test_an_edit_of_what_a_group_never_said_to_us_is_nothing(home: House) -> None:
    await home.rows("UPDATE accounts SET access = 'pairing'")
    for number, text in enumerate(("Nobody asked you", "x" * 40_000)):
        await home.service.edit(Edited(OLD, f"edit-{number}", "500", "8", text))
    assert await home.rows("SELECT FROM events") == []
    assert await home.rows("SELECT FROM identities") == []


async def test_a_group_on_the_list_stays_on_it_when_it_moves(
    database_url: str, redis_url: str
) -> None:
    async with house(
        database_url, redis_url, access="allowlist", allowlist=frozenset({OLD.chat_id})
    ) as home:
        await home.say("In the old group", OLD)
        await home.service.move(OLD, NEW.chat_id)
        assert not (await home.say("In the new group", NEW, sender_id="8")).duplicate
        with pytest.raises(MessageRefused):
            await home.say("Elsewhere", replace(NEW, chat_id="-200"), sender_id="8")
