"""Inline mode: asked behind our name in any chat, answered where the chosen result stands."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.telegram.editing import CUT
from bots.telegram.elsewhere import GOES_ON
from tests.fakes.telegram import FakeTelegram, Limits
from tests.fakes.telegram.chats import Message
from tests.support.telegram_house import delivered, settled, telegram_house


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(limits=Limits.none()) as fake:
        yield fake


async def typed(telegram: FakeTelegram, query: str, sender_id: int = 7) -> str:
    """The inline query's id, once it was answered."""
    query_id = telegram.user_types_inline(query, sender_id=sender_id)
    await telegram.until(lambda: query_id in telegram.first_bot.answers)
    return query_id


async def chosen(telegram: FakeTelegram, query: str) -> Message:
    return telegram.user_chooses(await typed(telegram, query))


async def test_a_chosen_result_becomes_the_answer_and_one_turn(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, inline=True) as home:
        message = await chosen(telegram, "walnut trees")
        again = telegram.queue.pending  # delivered twice, as Telegram does
        await delivered(home)
        for update in list(again):
            telegram.push({k: v for k, v in update.items() if k != "update_id"})
        assert await delivered(home) == [("done", "", 0)]
    assert "walnut" in message.text
    assert message.buttons == []
    assert telegram.messages(-200) == [], "nothing was posted beside it"
    assert never_called(telegram, "sendMessage")


def never_called(telegram: FakeTelegram, method: str) -> bool:
    return telegram.calls_of(method) == []


async def test_each_chosen_result_is_a_conversation_of_its_own(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, inline=True) as home:
        telegram.user_says(7, "my secret is walnut")
        await delivered(home, 1)
        first = await chosen(telegram, "what is pecan")
        await delivered(home, 2)
        second = await chosen(telegram, "what is cashew")
        await delivered(home, 3)
        kinds = await home.rows("SELECT kind FROM conversations ORDER BY id")
    assert "walnut" not in first.text + second.text
    assert "pecan" not in second.text
    assert kinds == [("private",), ("group",), ("group",)]


async def test_who_may_not_talk_is_led_to_the_private_chat_and_nothing_is_stored(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(
        telegram, database_url, redis_url, inline=True, access="pairing"
    ) as home:
        answer = telegram.first_bot.answers[await typed(telegram, "walnut")]
        assert await home.rows("SELECT FROM identities") == []
    assert answer["results"] == []
    assert "start_parameter" in str(answer["button"])
    assert str(answer["is_personal"]).lower() == "true", "it is not everybody's answer"


async def test_an_empty_query_offers_nothing(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, inline=True):
        answer = telegram.first_bot.answers[await typed(telegram, "  ")]
    assert answer["results"] == []


async def test_the_stop_button_stops_the_answer(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(
        telegram, database_url, redis_url, inline=True, tokens_per_second=20, answer_tokens=2000
    ) as home:
        message = await chosen(telegram, "walnut trees")
        waiting = message.buttons
        await telegram.until(lambda: message.buttons and message.buttons[0].startswith("stop:"))
        telegram.user_presses(message, waiting[0], sender_id=7)
        telegram.user_presses(message, message.buttons[0], sender_id=7)
        assert await delivered(home) == [("done", "", 0)]
        assert await home.rows("SELECT state FROM turns") == [("stopped",)]
    assert message.buttons == []


async def test_an_answer_that_is_too_long_for_the_one_message_says_so(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(
        telegram, database_url, redis_url, inline=True, answer_tokens=3000
    ) as home:
        message = await chosen(telegram, "walnut trees")
        assert await delivered(home) == [("done", "", 0)]
    assert message.text.endswith(str(GOES_ON))
    assert str(CUT) not in message.text
    assert len(message.text) > 3000
    assert never_called(telegram, "sendMessage")


async def test_a_message_that_we_cannot_edit_is_no_question(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, inline=True) as home:
        chosen_without_id = {"result_id": "ask", "from": telegram.person(7), "query": "walnut"}
        telegram.push({"chosen_inline_result": chosen_without_id})
        await settled(telegram, home)
        assert await home.rows("SELECT FROM messages") == []


async def test_where_it_is_off_nothing_of_it_is_asked_for_or_taken(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    person = telegram.person(7)
    early = {"result_id": "ask", "from": person, "query": "q", "inline_message_id": "i"}
    telegram.push({"chosen_inline_result": early})  # from when it was on
    async with telegram_house(telegram, database_url, redis_url) as home:
        await telegram.until(lambda: telegram.calls_of("getUpdates"))
        await settled(telegram, home)
        wanted = telegram.calls_of("getUpdates")[0].params["allowed_updates"]
        assert await home.rows("SELECT FROM messages") == []
    assert not {"inline_query", "chosen_inline_result", "guest_message"} & set(wanted)


async def test_in_our_private_chat_a_chosen_result_is_not_taken_for_a_question_as_well(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, inline=True) as home:
        telegram.user_chooses(await typed(telegram, "walnut"), chat_id=7)
        await delivered(home)
        await settled(telegram, home)
        assert await home.rows("SELECT count(*) FROM turns") == [(1,)]
        assert await home.rows("SELECT text FROM messages") == [("walnut",)]


async def test_an_answer_that_is_erased_says_that_it_was_removed(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, inline=True) as home:
        message = await chosen(telegram, "walnut trees")
        await delivered(home)
        ((chat_id, message_id),) = await home.rows(
            "SELECT chat_id, platform_message_id FROM messages"
        )
        chat = await home.service.turn_chat(1)
        assert chat is not None
        assert chat.chat_id == chat_id
        await home.service.erase(chat, message_id)
        await telegram.until(lambda: "walnut" not in message.text)
