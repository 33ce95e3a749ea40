"""Erasing a chat while it is being answered: nothing in it stays as if it went on."""

from __future__ import annotations

from tests.fakes.telegram import FakeTelegram, Limits
from tests.support.telegram_house import telegram_house


async def test_what_is_erased_while_it_is_being_answered_is_shown_to_be_over(
    database_url: str, redis_url: str
) -> None:
    async with (
        FakeTelegram(limits=Limits.none()) as telegram,
        telegram_house(
            telegram, database_url, redis_url, tokens_per_second=50, answer_tokens=2000
        ) as home,
    ):
        telegram.user_says(7, "what of walnut?")
        await telegram.until(lambda: any("walnut" in one.text for one in telegram.messages(7)))
        telegram.user_says(7, "/forget all")
        await telegram.until(lambda: len(telegram.messages(7)) > 1)
        assert await home.rows("SELECT FROM messages") == []
        answer, _ = telegram.messages(7)
    assert not any("stop" in button for button in answer.buttons)
