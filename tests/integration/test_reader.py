"""The reader shows a conversation as the people in it saw it, as far as it may be read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.errors import ContentClosed
from assistant.insight.reader import Page
from assistant.insight.reading import Reading
from assistant.messages import ChatRef, Edited
from assistant.phrases import Phrase, say
from tests.support.finding import ADMIN, noted, reading_of
from tests.support.house import CHAT, House, house, until, working
from tests.support.orders import GROUP, answered, asked, press, quick


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built, working(built.worker(quick())):
        yield built


async def conversation(home: House, chat: ChatRef = CHAT) -> int:
    ((found,),) = await home.rows(
        "SELECT id FROM conversations WHERE chat_id = %(chat)s", {"chat": chat.chat_id}
    )
    return int(found)


async def read(home: House, reading: Reading | None = None, **where: int) -> Page:
    page = await (reading or reading_of(home)).page(await conversation(home), ADMIN, **where)
    assert page is not None
    return page


def under(home: House, rule: str) -> Reading:
    return reading_of(home, home.settings.model_copy(update={"content_access": rule}))


async def test_it_shows_who_asked_and_what_stands_there_as_the_answer(home: House) -> None:
    turn, message = await asked(home, "About herons", sender_name="Ana")
    await home.service.press(press("up", turn))
    page = await read(home)
    (one,) = page.exchanges
    assert [(said.name, said.text) for said in one.asked] == [("Ana", "About herons")]
    (shown,) = [look for look in home.screen.chats["42"] if look.id == message]
    assert one.answer.text == shown.text
    assert (one.turn_id, one.answer.state, one.up, one.down) == (turn, "done", 1, 0)
    assert one.visible_at is not None and one.answer.finished_at is not None
    assert one.asked_at < min(one.visible_at, one.answer.finished_at)
    assert (page.head.chat, page.head.person) == (CHAT, "Ana")
    assert (page.older, page.newer) == (None, None)


@pytest.mark.parametrize("language", ["de", "en", ""])
async def test_a_failure_is_said_as_the_person_read_it(home: House, language: str) -> None:
    turn, _ = await asked(home, "About herons", language=language)
    await home.rows("UPDATE turns SET state = 'failed', reply = 'Half of', error_code = 'timeout'")
    (one,) = (await read(home)).exchanges
    sentence = say(Phrase("error.timeout"), language)
    assert one.answer.text == f"Half of\n\n⚠ {sentence}"
    assert (one.turn_id, one.error_code) == (turn, "timeout")


async def test_an_edited_question_shows_its_new_text_and_both_answers(home: House) -> None:
    first, _ = await asked(home, "About herons", message_id="77")
    await home.service.edit(Edited(CHAT, "edit-1", "77", "7", "About storks"))
    await until(lambda: over(home))
    (one,) = (await read(home)).exchanges
    (said,) = one.asked
    assert said.text == "About storks"
    assert said.edited_at is not None
    assert [answer.turn_id for answer in one.replaced] == [first]
    assert one.turn_id != first
    assert one.place == first


async def over(home: House) -> bool:
    return not await home.rows("SELECT FROM turns WHERE state IN ('queued', 'running')")


async def test_of_a_message_that_was_taken_back_only_that_is_shown(home: House) -> None:
    await asked(home, "About herons", message_id="77")
    await answered(home, "forget", about="77")
    (one,) = (await read(home)).exchanges
    assert [(said.text, said.deleted) for said in one.asked] == [("", True)]
    assert one.answer.text == say(Phrase("ending.done"), "")
    assert one.error_code == "deleted"


async def test_what_waits_is_shown_as_well(database_url: str, redis_url: str) -> None:
    async with house(database_url, redis_url) as home:  # nobody answers
        await home.say("About herons")
        (one,) = (await read(home)).exchanges
        assert (one.answer.state, one.answer.text) == ("queued", "")


async def test_files_are_shown_and_an_image_can_be_fetched(home: House) -> None:
    await asked(home, "What is on it?")
    await home.rows(
        "INSERT INTO attachments (message_id, position, kind, name, media_type, width, height,"
        " characters, text, bytes) SELECT max(id), n, kind, name, 'image/png', 4, 3, 5, body, data"
        " FROM messages, (VALUES (0, 'image', 'heron.png', NULL, '\\x01'::bytea),"
        " (1, 'text', 'notes.txt', 'A note', NULL)) AS given (n, kind, name, body, data)"
        " GROUP BY n, kind, name, body, data"
    )
    (one,) = (await read(home)).exchanges
    (said,) = one.asked
    assert [(f.kind, f.name, f.text, f.there) for f in said.files] == [
        ("image", "heron.png", "", True),
        ("text", "notes.txt", "A note", False),
    ]
    reading, where = reading_of(home), await conversation(home)
    file = await reading.file(where, said.files[0].id, ADMIN)
    assert file is not None and (file.name, file.content) == ("heron.png", b"\x01")
    assert await reading.file(where, said.files[1].id, ADMIN) is None
    assert await reading.file(where + 1, said.files[0].id, ADMIN) is None
    assert await under(home, "metadata").file(where, said.files[0].id, ADMIN) is None
    assert [told for _, _, told in await noted(home, "conversation.file_read")] == [
        {"file": said.files[0].id}
    ]


async def test_pages_go_both_ways_and_a_place_is_found_in_the_middle(home: House) -> None:
    await asked(home, "About herons")
    await home.rows(
        "INSERT INTO turns (conversation_id, person_id, state, reply, finished_at)"
        " SELECT conversation_id, person_id, 'done', 'More', now()"
        " FROM turns, generate_series(1, 99)"
    )
    newest = await read(home)
    assert newest.newer is None
    assert newest.older is not None
    older = await read(home, before=newest.older)
    oldest = await read(home, before=older.older)
    places = [one.place for page in (oldest, older, newest) for one in page.exchanges]
    assert places == sorted(places)
    assert len(set(places)) == 100
    assert oldest.older is None
    again = await read(home, after=oldest.newer)
    assert [one.place for one in again.exchanges] == [one.place for one in older.exchanges]
    around = await read(home, around=places[50])
    assert places[50] in [one.place for one in around.exchanges][15:25]
    assert around.older is not None and around.newer is not None
    first = await read(home, around=places[0])
    assert first.exchanges[0].place == places[0]
    assert first.older is None


async def test_of_long_exchanges_a_page_has_fewer_and_none_is_lost(home: House) -> None:
    await asked(home, "About herons")
    await home.rows(
        "INSERT INTO turns (conversation_id, person_id, state, reply, finished_at)"
        " SELECT conversation_id, person_id, 'done', repeat('x', 10000), now()"
        " FROM turns, generate_series(1, 5)"
    )
    page, places = await read(home), []
    assert len(page.exchanges) == 2
    while True:
        places = [*(one.place for one in page.exchanges), *places]
        if page.older is None:
            break
        page = await read(home, before=page.older)
    assert len(places) == len(set(places)) == 6
    assert places == sorted(places)


async def test_reading_is_noted_with_what_was_read(home: House) -> None:
    turn, _ = await asked(home, "About herons")
    await read(home)
    target = f"conversation:{await conversation(home)}"
    assert await noted(home, "conversation.read") == [("root", target, {"turns": [turn]})]


async def test_of_a_conversation_that_is_not_there_nothing_is_read_or_noted(home: House) -> None:
    reading = reading_of(home)
    assert await reading.page(4711, ADMIN) is None
    assert await reading.document(4711, "json", ADMIN, "") is None
    assert await home.rows("SELECT FROM audit_log") == []


async def test_under_metadata_no_text_is_shown_and_nothing_is_noted_as_read(home: House) -> None:
    turn, _ = await asked(home, "About herons")
    (one,) = (await read(home, under(home, "metadata"))).exchanges
    assert (one.turn_id, one.readable, one.asked, one.answer.text) == (turn, False, [], "")
    assert one.answer.state == "done"
    assert await noted(home, "conversation.read") == []


async def test_by_consent_a_private_chat_opens_and_a_group_stays_closed(home: House) -> None:
    await asked(home, "About herons")
    await asked(home, "About storks", GROUP)
    by_consent = under(home, "consent")
    assert not (await read(home, by_consent)).exchanges[0].readable
    await answered(home, "privacy", "allow")
    assert (await read(home, by_consent)).exchanges[0].readable
    group = await by_consent.page(await conversation(home, GROUP), ADMIN)
    assert group is not None
    assert not group.exchanges[0].readable


async def test_it_is_exported_as_far_as_all_of_it_may_be_read(home: House) -> None:
    await asked(home, "About herons")
    where = await conversation(home)
    document = await reading_of(home).document(where, "json", ADMIN, "cut")
    assert document is not None
    (exchange,) = json.loads(document.content)["exchanges"]
    assert exchange["asked"][0]["text"] == "About herons"
    text = await reading_of(home).document(where, "markdown", ADMIN, "cut")
    assert text is not None and b"About herons" in text.content
    assert [told for _, _, told in await noted(home, "conversation.exported")] == [
        {"form": "json"},
        {"form": "markdown"},
    ]
    for rule in ("metadata", "consent"):
        with pytest.raises(ContentClosed, match=rule):
            await under(home, rule).document(where, "json", ADMIN, "cut")
