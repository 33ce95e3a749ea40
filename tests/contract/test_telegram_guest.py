"""Guest mode: asked in a chat that we are not in, answered there once, knowing nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.telegram.elsewhere import GOES_ON
from tests.fakes.telegram import Failure, FakeTelegram, Limits
from tests.fakes.telegram.chats import Message
from tests.support.telegram_house import delivered, settled, telegram_house

ASKED = "@OutriderTestBot what of walnut trees?"


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(limits=Limits.none()) as fake:
        yield fake


def answers(telegram: FakeTelegram, chat_id: int = -200) -> list[Message]:
    return telegram.messages(chat_id)


async def test_a_guest_is_answered_once_in_the_chat_where_it_was_asked(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, guest=True) as home:
        question = telegram.user_asks_guest(-200, ASKED)
        assert await delivered(home) == [("done", "", 0)]
    (answer,) = answers(telegram)
    assert "walnut" in answer.text
    assert "@OutriderTestBot" not in answer.text
    assert answer.reply_to == question.message_id
    assert answer.buttons == []
    assert telegram.calls_of("sendMessage") == []


async def test_a_guest_question_that_comes_again_is_one_turn(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, guest=True) as home:
        question = telegram.user_asks_guest(-200, ASKED)
        update = {"guest_message": telegram.chat(-200).payload(question)}
        await delivered(home)
        telegram.push(update)
        await settled(telegram, home)
        assert await home.rows("SELECT count(*) FROM turns") == [(1,)]
    assert len(answers(telegram)) == 1


async def test_nothing_private_and_no_other_question_is_known_to_a_guest(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, guest=True) as home:
        telegram.user_says(7, "my secret is hazel")
        await delivered(home, 1)
        telegram.user_asks_guest(-200, "@OutriderTestBot what of pecan?")
        await delivered(home, 2)
        telegram.user_asks_guest(-200, ASKED)
        await delivered(home, 3)
        kinds = await home.rows("SELECT DISTINCT kind FROM conversations WHERE chat_id <> '7'")
    first, second = answers(telegram)
    assert "hazel" not in first.text + second.text
    assert "pecan" not in second.text
    assert kinds == [("group",)]


async def test_the_stop_button_stops_it_and_only_who_knows_the_question_can(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(
        telegram, database_url, redis_url, guest=True, tokens_per_second=20, answer_tokens=2000
    ) as home:
        telegram.user_asks_guest(-200, ASKED)
        await telegram.until(lambda: any(one.buttons for one in answers(telegram)))
        (answer,) = answers(telegram)
        data = answer.buttons[0]
        assert len(data.encode()) <= 64
        forged = ":".join(data.split(":")[:2])  # without the query
        telegram.user_presses(answer, forged, sender_id=8)
        await telegram.until(lambda: not telegram.first_bot.queries)
        assert await home.rows("SELECT state FROM turns") == [("running",)]
        telegram.user_presses(answer, data, sender_id=8)
        assert await delivered(home) == [("done", "", 0)]
        assert await home.rows("SELECT state FROM turns") == [("stopped",)]


async def test_a_question_with_a_long_name_is_answered_without_a_button(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    long = "q" * 64  # no button can name it
    telegram.first_bot.queries.add(long)
    async with telegram_house(telegram, database_url, redis_url, guest=True) as home:
        telegram.user_asks_guest(-200, ASKED, further={"guest_query_id": long})
        assert await delivered(home) == [("done", "", 0)]
    (answer,) = answers(telegram)
    assert "walnut" in answer.text


async def test_who_may_not_talk_is_told_so_in_place_of_an_answer(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(
        telegram, database_url, redis_url, guest=True, access="allowlist"
    ) as home:
        telegram.user_asks_guest(-200, ASKED)
        await telegram.until(lambda: answers(telegram))
        assert await home.rows("SELECT FROM turns") == []
    assert "allow-list" in answers(telegram)[0].text


async def test_what_is_missing_of_a_guests_question_does_not_take_the_answers_place(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    gone = {"document": {"file_id": "gone", "file_name": "a.txt", "file_size": 10}}
    async with telegram_house(telegram, database_url, redis_url, guest=True) as home:
        telegram.user_asks_guest(-200, ASKED, further=gone)
        assert await delivered(home) == [("done", "", 0)]
        await settled(telegram, home)
    assert "walnut" in answers(telegram)[0].text
    assert len(telegram.calls_of("answerGuestQuery")) == 1


async def test_an_answer_that_is_too_long_for_the_one_message_says_so(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(
        telegram, database_url, redis_url, guest=True, answer_tokens=3000
    ) as home:
        telegram.user_asks_guest(-200, ASKED)
        assert await delivered(home) == [("done", "", 0)]
    (answer,) = answers(telegram)
    assert answer.text.endswith(str(GOES_ON))


async def test_a_question_whose_time_is_over_ends_the_delivery_quietly(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    old = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    telegram.fail_next("answerGuestQuery", Failure(400, old))
    async with telegram_house(telegram, database_url, redis_url, guest=True) as home:
        telegram.user_asks_guest(-200, ASKED)
        assert await delivered(home) == [("failed", "recipient_unreachable", 0)]
    assert answers(telegram) == []


async def test_where_it_is_off_a_guest_is_not_taken_in(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    telegram.user_asks_guest(-200, ASKED)  # from when it was on
    async with telegram_house(telegram, database_url, redis_url) as home:
        await settled(telegram, home)
        assert await home.rows("SELECT FROM messages") == []
