"""The fake Bot API server: its clock, its latency, several bots, and what a group's bots hear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from telegram import Bot, Update
from telegram.error import BadRequest, Forbidden, InvalidToken, RetryAfter

from tests.fakes.telegram import FakeTelegram, HandClock, Limits
from tests.support.telegram_library import library

SECOND_TOKEN = "7654321:another-bot"


@pytest.fixture
async def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def telegram(clock: HandClock) -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(limits=Limits.none(), clock=clock) as fake:
        fake.chat(7)
        fake.chat(-100)
        yield fake


@pytest.fixture
async def bot(telegram: FakeTelegram) -> AsyncIterator[Bot]:
    async with library(telegram) as opened:
        yield opened


async def heard(bot: Bot, **how: Any) -> list[Update]:
    """The updates that wait for the bot; they are confirmed."""
    updates = list(await bot.get_updates(timeout=0, **how))
    if updates:
        await bot.get_updates(offset=updates[-1].update_id + 1, timeout=0)
    return updates


async def texts(bot: Bot) -> list[str]:
    return [update.effective_message.text or "" for update in await heard(bot)]


async def test_dates_floods_and_deletability_go_by_the_clock_that_was_given() -> None:
    clock = HandClock(1000.0)
    async with FakeTelegram(clock=clock) as telegram, library(telegram) as bot:
        telegram.chat(7)
        for _ in range(3):
            sent = await bot.send_message(7, "a")
        with pytest.raises(RetryAfter):
            await bot.send_message(7, "b")
        clock.advance(3600)
        later = await bot.send_message(7, "c")
        assert (later.date - sent.date).total_seconds() == 3600
        clock.advance(47 * 3600)
        with pytest.raises(BadRequest, match="Message can't be deleted for everyone"):
            await bot.delete_message(7, sent.message_id)
        assert await bot.delete_message(7, later.message_id)


async def test_latency_comes_before_and_after_what_a_call_does() -> None:
    async with FakeTelegram(limits=Limits.none(), latency_seconds=0.4) as telegram:
        async with library(telegram) as bot:
            began = telegram.now()
            telegram.chat(7)
            sent = await bot.send_message(7, "a")
            ended = telegram.now()
        at = telegram.messages(7)[0].versions[0].at
        assert sent.text == "a"
        assert at - began >= 0.2
        assert ended - at >= 0.2


async def test_each_bot_has_its_own_updates_chats_commands_and_webhook(
    telegram: FakeTelegram, bot: Bot
) -> None:
    second = telegram.add_bot(SECOND_TOKEN, "OtherTestBot", can_read_all_group_messages=True)
    async with library(telegram, SECOND_TOKEN) as other:
        assert (await bot.get_me()).can_read_all_group_messages is False
        assert (await other.get_me()).can_read_all_group_messages is True
        telegram.user_says(7, "to the first")
        telegram.user_says(7, "to the second", bot=second)
        assert (await texts(bot), await texts(other)) == (["to the first"], ["to the second"])
        await other.send_message(7, "from the second")
        await other.set_my_commands([("new", "Anew")])
        await other.set_webhook("https://example.org/hook")
        assert telegram.messages(7) == []
        assert [one.text for one in telegram.messages(7, second)] == ["from the second"]
        assert await bot.get_my_commands() == ()
        assert await texts(bot) == []


async def test_a_token_that_no_bot_has_is_refused(telegram: FakeTelegram) -> None:
    with pytest.raises(InvalidToken):
        async with library(telegram, "1:wrong"):
            pass
    assert telegram.refused_tokens == 1


def plain(telegram: FakeTelegram) -> None:
    telegram.user_says(-100, "nothing to do with a bot", sender_id=7)


def mention(telegram: FakeTelegram) -> None:
    telegram.user_says(-100, "hello @outridertestbot!", sender_id=7)


def text_mention(telegram: FakeTelegram) -> None:
    user = {"id": 99, "is_bot": True, "first_name": "Outrider"}
    mark = {"type": "text_mention", "offset": 0, "length": 8, "user": user}
    telegram.user_says(-100, "Outrider, hi", sender_id=7, entities=[mark])


def bare_command(telegram: FakeTelegram) -> None:
    telegram.user_says(-100, "/new", sender_id=7)


def own_command(telegram: FakeTelegram) -> None:
    telegram.user_says(-100, "/new@OutriderTestBot", sender_id=7)


def others_command(telegram: FakeTelegram) -> None:
    telegram.user_says(-100, "/new@SomeOtherBot", sender_id=7)


def reply_to_a_person(telegram: FakeTelegram) -> None:
    first = telegram.user_says(-100, "one", sender_id=7)
    telegram.user_says(-100, "two", sender_id=8, reply_to=first.message_id)


def captioned(telegram: FakeTelegram) -> None:
    telegram.user_sends(-100, photo=[{"file_id": "x"}], caption="@OutriderTestBot look")


def joined(telegram: FakeTelegram) -> None:
    telegram.user_sends(-100, new_chat_members=[telegram.person(8)])


HEARD = [mention, text_mention, bare_command, own_command, captioned, joined]
UNHEARD = [plain, others_command, reply_to_a_person]


@pytest.mark.parametrize("said", HEARD + UNHEARD, ids=lambda said: said.__name__)
async def test_in_privacy_mode_a_bot_hears_what_speaks_to_it(
    telegram: FakeTelegram, said: Callable[[FakeTelegram], None]
) -> None:
    open_bot = telegram.add_bot(SECOND_TOKEN, "OtherTestBot", can_read_all_group_messages=True)
    said(telegram)
    assert len(telegram.queue.pending) == (1 if said in HEARD else 0)
    assert open_bot.queue.pending != []


async def test_in_privacy_mode_a_bot_hears_replies_to_itself_and_edits_of_what_it_heard(
    telegram: FakeTelegram, bot: Bot
) -> None:
    sent = await bot.send_message(-100, "ask me")
    reply = telegram.user_says(-100, "why?", sender_id=7, reply_to=sent.message_id)
    unheard = telegram.user_says(-100, "not for you", sender_id=7)
    question = telegram.user_says(-100, "@OutriderTestBot why?", sender_id=7)
    telegram.user_edits(question, "why indeed?")
    telegram.user_edits(unheard, "still not for you")
    telegram.user_edits(unheard, "@OutriderTestBot now it is")
    assert reply.known_to == {99}
    assert await texts(bot) == [
        "why?",
        "@OutriderTestBot why?",
        "why indeed?",
        "@OutriderTestBot now it is",
    ]


async def test_a_bare_command_is_for_the_bot_that_wrote_last(telegram: FakeTelegram) -> None:
    telegram.add_bot(SECOND_TOKEN, "OtherTestBot")
    async with library(telegram) as bot, library(telegram, SECOND_TOKEN) as other:
        await other.send_message(-100, "I was here last")
        telegram.user_says(-100, "/new", sender_id=7)
        assert (await texts(bot), await texts(other)) == ([], ["/new"])


async def test_bots_read_each_other_where_they_may_and_are_spoken_to(
    telegram: FakeTelegram,
) -> None:
    telegram.add_bot(SECOND_TOKEN, "OtherTestBot")
    async with library(telegram) as bot, library(telegram, SECOND_TOKEN) as other:
        await other.send_message(-100, "@OutriderTestBot unread")
        telegram.bots_read_bots = True
        await other.send_message(-100, "@OutriderTestBot read")
        await other.send_message(-100, "not for you")
        assert await texts(bot) == ["@OutriderTestBot read"]
        assert await texts(other) == []


async def test_a_bot_looks_at_its_chats_and_leaves_them(telegram: FakeTelegram, bot: Bot) -> None:
    telegram.person(7, "Ada")
    assert (await bot.get_chat(-100)).title == "Group 100"
    assert (await bot.get_chat_member(-100, 7)).user.first_name == "Ada"
    assert (await bot.get_chat_member(-100, 99)).status == "member"
    telegram.bot_is_made_admin(-100)
    with pytest.raises(BadRequest, match="Invalid user_id specified"):
        await bot.get_chat_member(-100, 12345)
    assert await bot.leave_chat(-100)
    telegram.user_says(-100, "@OutriderTestBot are you there?", sender_id=7)
    assert await texts(bot) == []
    with pytest.raises(Forbidden, match="bot is not a member of the supergroup chat"):
        await bot.send_message(-100, "a")


class Hook:
    """A webhook that fails as often as it is told to."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []  # text and secret
        self.failures: dict[str, int] = {}

    async def take(self, request: web.Request) -> web.Response:
        text = (await request.json())["message"]["text"]
        if self.failures.get(text, 0) > 0:
            self.failures[text] -= 1
            return web.Response(status=503)
        self.got.append((text, request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")))
        return web.Response()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/hook", self.take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        finally:
            await runner.cleanup()


async def test_a_webhook_gets_a_chats_updates_in_order_until_it_takes_them(
    telegram: FakeTelegram, bot: Bot
) -> None:
    hook = Hook()
    hook.failures = {"a1": 2}
    async with hook.listening() as url:
        await bot.set_webhook(url, secret_token="a-secret")
        for text in ("a1", "a2"):
            telegram.user_says(7, text)
        telegram.user_says(8, "b1")
        await telegram.until(lambda: not telegram.queue.pending)
        info = await bot.get_webhook_info()
        assert info.last_error_message == "Wrong response from the webhook: 503 Service Unavailable"
        await bot.delete_webhook()
    got = [text for text, _ in hook.got]
    assert [text for text in got if text.startswith("a")] == ["a1", "a2"]
    assert got[0] == "b1"  # another chat's trouble is not its own
    assert {secret for _, secret in hook.got} == {"a-secret"}
    assert telegram.first_bot.dropped_pending == 0


async def test_updates_come_again_until_an_offset_confirms_them(
    telegram: FakeTelegram, bot: Bot
) -> None:
    telegram.user_says(7, "a")
    telegram.user_says(7, "b")
    first = await bot.get_updates(timeout=0, limit=1)
    again = await bot.get_updates(timeout=0)
    assert [one.update_id for one in again] == [first[0].update_id, first[0].update_id + 1]
    assert [one.message.text for one in await bot.get_updates(first[0].update_id + 1)] == ["b"]


async def test_an_offset_that_lies_far_ahead_confirms_nothing(
    telegram: FakeTelegram, bot: Bot
) -> None:
    telegram.queue.begin_anew(5)
    telegram.user_says(7, "a")
    for _ in range(2):
        assert [one.update_id for one in await bot.get_updates(1001, timeout=0)] == [5]
    assert await bot.get_updates(6 + 10, timeout=0) == ()


async def test_a_poll_that_waits_is_answered_at_once_when_something_comes(
    telegram: FakeTelegram, bot: Bot
) -> None:
    waiting = asyncio.create_task(bot.get_updates(timeout=20))
    await telegram.until(lambda: telegram.calls_of("getUpdates"))
    telegram.user_says(7, "here")
    assert [one.message.text for one in await waiting] == ["here"]
