"""What is edited until it speaks to us: in a group the name is often forgotten at first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fakes.telegram import FakeTelegram, Limits
from tests.support.house import House
from tests.support.pictures import png
from tests.support.telegram_house import delivered, settled, telegram_house

US = "@OutriderTestBot"
GROUP = -100


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(limits=Limits.none(), can_read_all_group_messages=True) as fake:
        fake.files |= {"a": png(4, 3, 1), "b": png(4, 3, 2)}
        yield fake


async def stored(home: House) -> list[str]:
    return [row[0] for row in await home.rows("SELECT text FROM messages ORDER BY id")]


def texts(telegram: FakeTelegram) -> list[str]:
    return [message.text for message in telegram.messages(GROUP)]


def photo(name: str, album: str = "") -> dict[str, Any]:
    further = {"media_group_id": album} if album else {}
    size = {"file_id": name, "file_unique_id": name, "width": 4, "height": 3}
    return {"photo": [size], "further": further}


async def test_a_groups_message_is_heard_once_an_edit_adds_our_name(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url) as home:
        message = telegram.user_says(GROUP, "what of walnut?", sender_id=7)
        telegram.user_edits(message, "what of a walnut?")
        await settled(telegram, home)
        assert await stored(home) == []
        telegram.user_edits(message, f"{US} what of a walnut?")
        await delivered(home, 1)
        telegram.user_edits(message, f"{US} what of a pecan?")
        await delivered(home, 2)
        assert await stored(home) == ["what of a pecan?"]
        names = await home.rows("SELECT name, language FROM identities")
    [answer] = telegram.messages(GROUP)
    assert "pecan" in answer.text
    assert answer.reply_to == message.message_id
    assert names[0][0], "it is known who asked"


async def test_a_picture_whose_caption_is_edited_to_name_us_is_seen_with_its_album(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, vision=True) as home:
        first = telegram.sent(GROUP, caption="look", **photo("a", album="13"))
        telegram.sent(GROUP, **photo("b", album="13"))
        await settled(telegram, home)
        telegram.user_edits(first, f"{US} who are they?")
        await telegram.until(lambda: "with 2 images" in "".join(texts(telegram)))
        assert sorted(await stored(home)) == ["", "who are they?"]
        await settled(telegram, home)
    assert len(texts(telegram)) == 1


async def test_what_was_refused_is_asked_with_its_files_when_it_is_edited_by_who_was_let_in(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, access="pairing") as home:
        message = telegram.sent(7, caption="what is it?", **photo("a"))
        await telegram.until(lambda: telegram.messages(7))
        await home.rows("UPDATE identities SET access = 'allowed'")
        telegram.user_edits(message, "what is that?")
        await delivered(home, 1)
        assert len(await home.rows("SELECT FROM attachments")) == 1
