"""What people send in Telegram, from the fake's wire to the answer in the chat."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bots.telegram.channel import PLACEHOLDER
from tests.fakes.telegram import FakeTelegram, Limits
from tests.support.house import until
from tests.support.pictures import png
from tests.support.telegram_house import settled, telegram_house

logging.getLogger("aiohttp").setLevel(logging.ERROR)
NAMES = ("a", "b", "c")


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(limits=Limits.none()) as telegram:
        telegram.files |= {name: png(4, 3, shade) for shade, name in enumerate(NAMES)}
        telegram.files["notes"] = b"apples are red"
        yield telegram


def photo(name: str, **more: Any) -> dict[str, Any]:
    return {"photo": [{"file_id": name, "width": 4, "height": 3}], **more}


def said(telegram: FakeTelegram, chat_id: int) -> list[str]:
    """Without the placeholder that may stay where a post was overtaken, and is counted."""
    texts = [message.text for message in telegram.messages(chat_id)]
    return [text for text in texts if text != PLACEHOLDER]


async def test_a_photo_with_words_is_seen_and_answered(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, vision=True) as home:
        telegram.user_sends(7, caption="who is it?", **photo("a"))
        await telegram.until(lambda: said(telegram, 7))
        await settled(telegram, home)
    [answer] = said(telegram, 7)
    assert answer.startswith("You wrote 1 message, with 1 image, the last one: who is it?")


async def test_an_album_gets_one_answer_that_has_seen_all_of_it(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, vision=True) as home:
        for name in NAMES:
            caption = "who are they?" if name == "a" else ""
            telegram.user_sends(7, caption=caption, **photo(name, media_group_id="13"))
        await telegram.until(lambda: said(telegram, 7))
        await settled(telegram, home)
    [answer] = said(telegram, 7)
    assert answer.startswith("You wrote 1 message, with 3 images, the last one: who are they?")


async def test_a_text_document_and_what_it_is_asked_about_are_one_question(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    notes = {"file_id": "notes", "file_name": "notes.txt", "file_size": 14}
    async with telegram_house(telegram, database_url, redis_url, answer_tokens=24) as home:
        telegram.user_sends(7, document=notes, caption="what colour?")
        await telegram.until(lambda: said(telegram, 7))
        await settled(telegram, home)
    [answer] = said(telegram, 7)
    assert "notes.txt" in answer
    assert "apples are red" in answer
    assert "what colour?" in answer


async def test_a_photo_alone_is_refused_in_the_persons_language_where_no_model_sees(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    telegram.person(7, language_code="de")
    async with telegram_house(telegram, database_url, redis_url) as home:
        await until(home.service.engine_info)
        telegram.user_sends(7, **photo("a"))
        await telegram.until(lambda: said(telegram, 7))
        await settled(telegram, home)
        assert await home.rows("SELECT FROM messages") == []
    [sentence] = said(telegram, 7)
    assert sentence.startswith("Das Modell, das hier antwortet, kann keine Bilder sehen")
    assert telegram.calls_of("getFile") == []


async def test_who_may_not_talk_hears_that_also_for_what_could_not_be_taken(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, access="pairing") as home:
        telegram.user_sends(7, voice={"file_id": "a"})
        await telegram.until(lambda: said(telegram, 7))
        for _ in range(3):
            telegram.user_says(-100, "@OutriderTestBot", sender_id=7)
        await settled(telegram, home)
        await telegram.until(lambda: said(telegram, -100))
        names = await home.rows("SELECT name FROM identities WHERE pairing_code IS NOT NULL")
    assert "outrider pair" in said(telegram, 7)[0]
    assert ["outrider pair" in text for text in said(telegram, -100)] == [True]
    assert names != [("",)], "the admin sees who it is"
