"""Who may not talk to the bot hears how to ask, whatever they send, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from assistant.errors import MessageRefused
from assistant.phrases import sentences
from tests.fakes.telegram import Failure, FakeTelegram, Limits
from tests.support.house import House, incoming
from tests.support.telegram_house import settled, telegram_house

GROUP = -100
VOICE = sentences("en")["content.voice"]
BLOCKED = sentences("en")["refused.blocked"]


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(limits=Limits.none()) as fake:
        yield fake


def said(telegram: FakeTelegram, chat_id: int = 7) -> list[str]:
    return [one.text for one in telegram.messages(chat_id)]


async def sends_voice(telegram: FakeTelegram, home: House, times: int) -> str:
    """What is said to it, as one of so many answers."""
    telegram.user_sends_voice(7)
    await telegram.until(lambda: len(said(telegram)) == times)
    await settled(telegram, home)
    return said(telegram)[-1]


async def test_what_we_cant_take_is_explained_to_those_alone_who_may_talk(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, access="pairing") as home:
        asked = await sends_voice(telegram, home, 1)
        assert "outrider pair" in asked
        assert await home.service.admission.access.pair(asked.split()[-1]) == "Person 7"
        assert await sends_voice(telegram, home, 2) == VOICE
        await home.rows("UPDATE identities SET access = 'blocked' RETURNING id")
        assert await sends_voice(telegram, home, 3) == BLOCKED


async def test_how_long_a_message_may_be_is_told_to_those_alone_who_may_talk(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, access="allowlist") as home:
        with pytest.raises(MessageRefused) as refused:
            await home.service.accept(incoming("x" * 100_000))
    assert refused.value.phrase.key == "refused.allowlist"


async def test_in_a_group_a_stranger_is_told_once_also_of_what_we_cant_take(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with telegram_house(telegram, database_url, redis_url, access="allowlist") as home:
        for _ in range(2):
            telegram.user_says(GROUP, "@OutriderTestBot")
        telegram.user_says(GROUP, "@OutriderTestBot tell me")
        await settled(telegram, home)
    assert len(said(telegram, GROUP)) == 1
    assert "allow-list" in said(telegram, GROUP)[0]


@pytest.mark.parametrize("again", ["@OutriderTestBot tell me", "@OutriderTestBot"])
async def test_in_a_group_a_stranger_whom_the_refusal_did_not_reach_is_told_the_next_time(
    telegram: FakeTelegram, database_url: str, redis_url: str, again: str
) -> None:
    silent = Failure(400, "Bad Request: not enough rights to send text messages to the chat")
    async with telegram_house(telegram, database_url, redis_url, access="allowlist") as home:
        telegram.fail_next("sendMessage", silent)
        telegram.user_says(GROUP, again)
        await settled(telegram, home)
        assert said(telegram, GROUP) == []
        for _ in range(2):
            telegram.user_says(GROUP, again)
        await settled(telegram, home)
    assert len(said(telegram, GROUP)) == 1
    assert "allow-list" in said(telegram, GROUP)[0]
