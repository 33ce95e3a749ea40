"""With rich messages on, a reply grows as text and is rich once it is whole."""

from __future__ import annotations

from tests.fakes.telegram import FakeTelegram, Limits
from tests.fakes.telegram.chats import Message
from tests.support.house import until
from tests.support.telegram_house import telegram_house

ANA = 7


async def answered(telegram: FakeTelegram, database_url: str, redis_url: str) -> Message:
    async with telegram_house(
        telegram, database_url, redis_url, rich=True, tokens_per_second=200, answer_tokens=60
    ):
        telegram.user_says(ANA, "Say **this** please")
        await until(lambda: any("retry" in one.buttons[0] for one in shown(telegram)))
        [message] = shown(telegram)
        return message


def shown(telegram: FakeTelegram) -> list[Message]:
    return [one for one in telegram.messages(ANA) if one.buttons]


async def test_the_whole_answer_is_rich_and_what_grows_is_not(
    database_url: str, redis_url: str
) -> None:
    async with FakeTelegram(limits=Limits.none()) as telegram:
        message = await answered(telegram, database_url, redis_url)
        assert "<b>this</b>" in message.content["rich_message"]["html"]
        edits = [call.params for call in telegram.calls_of("editMessageText")]
        assert ["rich_message" in one for one in edits] == [False] * (len(edits) - 1) + [True]


async def test_where_telegram_refuses_a_rich_message_the_text_stands_there(
    database_url: str, redis_url: str
) -> None:
    async with FakeTelegram(limits=Limits.none()) as telegram:
        telegram.takes_rich_messages = False
        message = await answered(telegram, database_url, redis_url)
        assert not message.content
        assert "this" in message.text and any(one["type"] == "bold" for one in message.entities)
