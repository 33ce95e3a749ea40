"""Notices pass the budget of their chat, on a fake Telegram."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio
from pydantic import SecretStr

from assistant.errors import RateLimited, SendOutcomeUnknown
from assistant.messages import ChatRef
from assistant.outgoing.governed import GovernedChannel
from assistant.outgoing.governor import Governor
from bots.telegram.bot import open_bot
from bots.telegram.channel import TelegramChannel
from bots.telegram.settings import TelegramSettings
from tests.fakes.telegram import Failure, FakeTelegram
from tests.support.governors import replicas

ADA = ChatRef("telegram", "default", "7")
Act = Callable[[GovernedChannel], Awaitable[object]]


@dataclass(slots=True)
class Notices:
    telegram: FakeTelegram
    channel: GovernedChannel
    other: Governor  # of another replica


@pytest_asyncio.fixture
async def notices(database_url: str, redis_url: str) -> AsyncIterator[Notices]:
    async with replicas(database_url, redis_url) as house, FakeTelegram() as telegram:
        await house.rest()
        telegram.chat(7)
        settings = TelegramSettings(token=SecretStr(telegram.token), base_url=telegram.url)
        async with open_bot(settings) as bot:
            channel = GovernedChannel(TelegramChannel(bot, "default"), house.governor("a"))
            yield Notices(telegram, channel, house.governor("b"))


CALLS: dict[str, tuple[str, Act]] = {
    "say": ("sendMessage", lambda one: one.say(ADA, "No.")),
    "delete": ("deleteMessage", lambda one: one.delete(ADA, "1")),
    "mark_waiting": ("setMessageReaction", lambda one: one.mark_waiting(ADA, "1")),
    "typing": ("sendChatAction", lambda one: one.typing(ADA)),
}


@pytest.mark.parametrize("name", CALLS)
async def test_a_penalty_in_any_call_closes_the_chat_and_nothing_is_sent_inside_it(
    notices: Notices, name: str
) -> None:
    method, act = CALLS[name]
    notices.telegram.fail_next(method, Failure(429, "Too Many Requests: retry after 60", 60))
    with pytest.raises(RateLimited):
        await act(notices.channel)
    assert await notices.other.ask(ADA, notices.channel.channel.pace_of("other"), "final") > 20
    sent = len(notices.telegram.calls)
    for _, further in CALLS.values():
        with pytest.raises(RateLimited):
            await further(notices.channel)
    assert len(notices.telegram.calls) == sent


async def test_a_notice_that_is_refused_for_a_moment_is_said_after_it(notices: Notices) -> None:
    notices.telegram.fail_next("sendMessage", Failure(429, "Too Many Requests: retry after 1", 1))
    await notices.channel.say(ADA, "No.")
    assert [one.text for one in notices.telegram.messages(7)] == ["No."]


async def test_a_notice_is_said_again_when_telegram_was_away(notices: Notices) -> None:
    for _ in range(2):
        notices.telegram.fail_next("sendMessage", Failure(500, "Internal Server Error"))
    await notices.channel.say(ADA, "No.")
    assert [one.text for one in notices.telegram.messages(7)] == ["No."]


async def test_a_notice_that_may_stand_there_is_not_said_twice(notices: Notices) -> None:
    notices.telegram.fail_next("sendMessage", Failure(drop=True, effect=True))
    with pytest.raises(SendOutcomeUnknown):
        await notices.channel.say(ADA, "No.")
    assert [one.text for one in notices.telegram.messages(7)] == ["No."]
