"""Another bot gets a few answers, then silence; who may not talk in a group is told once a day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from assistant.accounts import Account
from assistant.errors import MessageRefused, Silenced
from assistant.incoming.access import AccessPolicy
from assistant.messages import ChatRef, Command
from tests.support.house import FAST, House, house, incoming

GROUP = ChatRef("telegram", "default", "-100", kind="group")
OTHER_GROUP = replace(GROUP, chat_id="-200")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


@pytest_asyncio.fixture
async def private_home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    """Nobody may talk there yet."""
    async with house(database_url, redis_url, access="pairing") as built:
        yield built


async def say_as_bot(home: House, chat: ChatRef = GROUP, bot: str = "900") -> None:
    message = replace(incoming("your turn", chat, sender_id=bot), from_bot=True)
    await home.service.accept(message)


async def spent(home: House, chat: ChatRef = GROUP, bot: str = "900") -> None:
    for _ in range(FAST.bot_answers):
        await say_as_bot(home, chat, bot)
    with pytest.raises(Silenced):
        await say_as_bot(home, chat, bot)


async def ignored(home: House) -> float | None:
    name = "outrider_bot_messages_ignored_total"
    return home.service.metrics.registry.get_sample_value(name, {"channel": "telegram"})


async def test_a_bot_that_writes_on_is_met_with_silence_and_a_metric(home: House) -> None:
    await spent(home)
    with pytest.raises(Silenced):
        await say_as_bot(home)
    assert await ignored(home) == 2
    assert await home.rows("SELECT count(*) FROM messages") == [(FAST.bot_answers,)]


async def test_the_budget_is_of_each_bot_in_each_chat(home: House) -> None:
    await spent(home)
    await say_as_bot(home, OTHER_GROUP)
    await say_as_bot(home, bot="901")
    await home.say("and me?", GROUP)


async def test_an_emptied_redis_forgets_no_loop(home: House) -> None:
    await spent(home)
    await home.redis.flushall()
    with pytest.raises(Silenced):
        await say_as_bot(home)


async def test_after_the_window_a_bot_is_answered_again(home: House) -> None:
    await spent(home)
    await home.rows("UPDATE messages SET created_at = now() - interval '11 minutes'")
    await say_as_bot(home)


async def test_a_bot_that_may_not_talk_here_is_told_nothing(private_home: House) -> None:
    with pytest.raises(Silenced):
        await say_as_bot(private_home)
    assert await ignored(private_home) == 1


async def test_in_a_group_a_refusal_is_said_once_to_each_person(private_home: House) -> None:
    home = private_home
    with pytest.raises(MessageRefused):
        await home.say("let me in", GROUP)
    with pytest.raises(Silenced):
        await home.say("let me in!", GROUP)
    with pytest.raises(Silenced):
        await home.service.command(Command(GROUP, "help", "7", "Ana", "99"))
    for chat, sender in ((GROUP, "8"), (OTHER_GROUP, "7")):
        with pytest.raises(MessageRefused):
            await home.say("let me in", chat, sender_id=sender)


async def test_in_private_a_refusal_is_said_each_time(private_home: House) -> None:
    for _ in range(2):
        with pytest.raises(MessageRefused):
            await private_home.say("let me in")


async def test_in_a_group_on_the_list_everybody_may_talk_and_nowhere_else(home: House) -> None:
    access = AccessPolicy(home.database)
    account = Account(1, "telegram", "default", "allowlist", frozenset({"-100", "9"}), True)
    await access.check(account, GROUP, "7", "Ana")
    await access.check(account, OTHER_GROUP, "9", "Bea")
    for chat in (OTHER_GROUP, ChatRef("telegram", "default", "7")):
        with pytest.raises(MessageRefused):
            await access.check(account, chat, "7", "Ana")
