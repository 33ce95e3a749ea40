"""Albums from Telegram: in a group, one part that speaks to us speaks for all of them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from assistant.phrases import Phrase, say
from bots.telegram import albums
from tests.fakes.telegram import FakeTelegram, Limits
from tests.support.pictures import png
from tests.support.polling import Account
from tests.support.recording_assistant import RecordingAssistant

logging.getLogger("aiohttp").setLevel(logging.ERROR)
GROUP = -100
ASKED = "@OutriderTestBot who are they?"


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    async with FakeTelegram(limits=Limits.none()) as telegram:
        telegram.files |= {"a": png(4, 3, 1), "b": png(4, 3, 2), "c": png(4, 3, 3)}
        telegram.first_bot.user["can_read_all_group_messages"] = True
        yield Account(telegram, RecordingAssistant())


def photo(name: str) -> dict[str, Any]:
    return {"photo": [{"file_id": name, "width": 4, "height": 3}], "media_group_id": "13"}


def seen(account: Account) -> list[tuple[str, bytes | None, str]]:
    return [
        (one.text, one.attachments[0].data, one.album)
        for one in account.assistant.accepted
        if one.attachments
    ]


async def test_in_one_batch_all_parts_are_taken_in_whichever_is_addressed(
    account: Account,
) -> None:
    account.telegram.user_sends(GROUP, **photo("a"))
    account.telegram.user_sends(GROUP, caption=ASKED, **photo("b"))
    account.telegram.user_sends(GROUP, **photo("c"))
    async with account.polling():
        await account.telegram.until(lambda: len(account.texts()) == 3 and account.confirmed())
    assert seen(account) == [
        ("", png(4, 3, 1), "13"),
        ("who are they?", png(4, 3, 2), "13"),
        ("", png(4, 3, 3), "13"),
    ]


async def test_a_part_that_comes_later_is_addressed_by_one_that_was_taken_in(
    account: Account,
) -> None:
    async with account.polling():
        account.telegram.user_sends(GROUP, caption=ASKED, **photo("a"))
        await account.telegram.until(lambda: account.texts() and account.confirmed())
        account.telegram.user_sends(GROUP, **photo("b"))
        await account.telegram.until(lambda: len(account.texts()) == 2)
    assert [text for text, _, _ in seen(account)] == ["who are they?", ""]


async def test_a_part_that_came_before_is_addressed_by_one_that_comes_later(
    account: Account,
) -> None:
    async with account.polling():
        account.telegram.user_sends(GROUP, **photo("a"))
        await account.telegram.until(
            lambda: account.telegram.queue.handed_out and account.confirmed()
        )
        assert account.texts() == []
        account.telegram.user_sends(GROUP, caption=ASKED, **photo("b"))
        await account.telegram.until(lambda: len(account.texts()) == 2)
    assert [text for text, _, _ in seen(account)] == ["", "who are they?"]


async def test_a_database_that_is_away_costs_no_part_that_came_before(account: Account) -> None:
    async with account.polling():
        account.telegram.user_sends(GROUP, **photo("a"))
        await account.telegram.until(
            lambda: account.telegram.queue.handed_out and account.confirmed()
        )
        account.assistant.failures_left = 2
        account.telegram.user_sends(GROUP, caption=ASKED, **photo("b"))
        await account.telegram.until(lambda: account.texts() and account.confirmed())
    assert [text for text, _, _ in seen(account)] == ["", "who are they?"]


async def test_an_album_that_nobody_addresses_to_us_is_nothing(account: Account) -> None:
    account.telegram.user_sends(GROUP, **photo("a"))
    account.telegram.user_sends(GROUP, caption="holidays", **photo("b"))
    async with account.polling():
        await account.telegram.until(account.confirmed)
        account.telegram.user_says(GROUP, "@OutriderTestBot hello")
        await account.telegram.until(account.texts)
    assert account.texts() == ["hello"]
    assert account.telegram.calls_of("getFile") == []


async def test_what_was_passed_over_is_forgotten_after_a_minute(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(albums, "REMEMBERED_SECONDS", 0.0)
    async with account.polling():
        account.telegram.user_sends(GROUP, **photo("a"))
        await account.telegram.until(
            lambda: account.telegram.queue.handed_out and account.confirmed()
        )
        account.telegram.user_sends(GROUP, caption=ASKED, **photo("b"))
        await account.telegram.until(account.texts)
    assert [text for text, _, _ in seen(account)] == ["who are they?"]


async def test_an_album_of_videos_is_refused_once_also_where_its_parts_come_one_by_one(
    account: Account,
) -> None:
    def send(name: str, album: str) -> None:
        account.telegram.user_sends(7, video={"file_id": name}, further={"media_group_id": album})

    async with account.polling():
        send("a", "13")
        send("b", "13")
        await account.telegram.until(lambda: account.said(7) and account.confirmed())
        send("c", "13")
        await account.telegram.until(account.confirmed)
        send("d", "14")
        await account.telegram.until(lambda: len(account.said(7)) > 1 and account.confirmed())
    assert account.said(7) == 2 * [say(Phrase("content.video"))]
