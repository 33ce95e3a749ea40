"""Buttons, orders and the list of commands in Telegram: the whole service behind a real bot."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest_asyncio
from pydantic import SecretStr

from assistant.answering.memories import LONGEST, MOST
from assistant.messages import Access
from assistant.orders.commands import COMMANDS, GROUP_COMMANDS
from assistant.phrases import LANGUAGES, sentences
from bots.telegram.bot import open_bot
from bots.telegram.channel import TelegramChannel
from bots.telegram.commands import register_commands
from bots.telegram.poller import TelegramPoller
from bots.telegram.settings import TelegramSettings
from inference.scripted import ScriptedEngine
from tests.fakes.telegram import Failure, FakeTelegram, Limits
from tests.fakes.telegram.chats import Message
from tests.support.house import House, house, running, working
from tests.support.orders import quick

ENDED = ("retry", "up", "down")


@dataclass
class Bot:
    telegram: FakeTelegram
    home: House

    def texts(self, chat_id: int) -> list[str]:
        return [one.text for one in self.telegram.messages(chat_id)]

    async def answered(self, chat_id: int = 7, count: int = 1) -> Message:
        """The last message once so many answers of the bot are over in this chat."""
        await self.telegram.until(
            lambda: sum(actions(one) == ENDED for one in self.telegram.messages(chat_id)) == count
        )
        return self.telegram.messages(chat_id)[-1]

    async def press(self, message: Message, action: str, sender_id: int | None = None) -> str:
        """The word that Telegram shows on the pressed button."""
        data = next(one for one in message.buttons if one.startswith(f"{action}:"))
        query = self.telegram.user_presses(message, data, sender_id=sender_id)
        await self.telegram.until(lambda: query in self.telegram.first_bot.answers)
        return str(self.telegram.first_bot.answers[query].get("text", ""))


def actions(message: Message) -> Sequence[str]:
    return tuple(data.partition(":")[0] for data in message.buttons)


def labels(message: Message) -> list[str]:
    return [str(button["text"]) for row in message.keyboard for button in row]


@asynccontextmanager
async def bot_of(
    telegram: FakeTelegram,
    database_url: str,
    redis_url: str,
    *,
    access: Access = "open",
    engine: ScriptedEngine | None = None,
) -> AsyncIterator[Bot]:
    settings = TelegramSettings(token=SecretStr(telegram.token), base_url=telegram.url)
    async with open_bot(settings) as bot:
        channel = TelegramChannel(bot, "default")
        async with house(database_url, redis_url, access=access, screen=channel) as home:
            poller = TelegramPoller(bot, channel, home.service, long_poll_seconds=1)
            polling = running(asyncio.create_task(poller.run()))
            async with working(home.worker(engine or quick())), polling:
                yield Bot(telegram, home)


@pytest_asyncio.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(limits=Limits.none()) as fake:
        fake.person(7, "Ada", language_code="en")
        fake.person(8, "Bruno", language_code="de-AT")
        yield fake


@pytest_asyncio.fixture
async def bot(telegram: FakeTelegram, database_url: str, redis_url: str) -> AsyncIterator[Bot]:
    async with bot_of(telegram, database_url, redis_url) as built:
        yield built


async def test_stop_stands_under_a_reply_that_grows_in_the_persons_language(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    slow = quick(tokens_per_second=20.0, answer_tokens=2_000)
    async with bot_of(telegram, database_url, redis_url, engine=slow) as bot:
        telegram.user_says(8, "Erzähl mir alles")
        await telegram.until(lambda: any("wrote" in text for text in bot.texts(8)))
        [reply] = telegram.messages(8)
        assert labels(reply) == ["⏹ Anhalten"]
        await bot.press(reply, "stop")
        await bot.answered(8)
    assert labels(reply) == ["🔄", "👍", "👎"]
    assert reply.text.startswith("You wrote 1 message")


async def test_a_thumb_is_thanked_for_in_the_language_of_who_gave_it(bot: Bot) -> None:
    bot.telegram.user_says(7, "About herons")
    reply = await bot.answered()
    assert await bot.press(reply, "up") == "Thanks!"
    assert await bot.press(reply, "up") == "Taken back."
    bot.telegram.user_says(8, "Über Reiher")
    theirs = await bot.answered(8)
    assert await bot.press(theirs, "down") == "Danke!"
    assert await bot.home.rows("SELECT value FROM feedback") == [(-1,)]


async def test_in_a_group_everybody_may_press(bot: Bot) -> None:
    bot.telegram.user_says(-100, "@OutriderTestBot about herons", sender_id=7)
    reply = await bot.answered(-100)
    assert await bot.press(reply, "up", sender_id=8) == "Danke!"
    assert await bot.press(reply, "down", sender_id=7) == "Thanks!"
    assert sorted(await bot.home.rows("SELECT value FROM feedback")) == [(-1,), (1,)]


async def test_the_button_gives_another_answer_in_the_same_message(bot: Bot) -> None:
    bot.telegram.user_says(7, "About herons")
    reply = await bot.answered()
    before = reply.buttons
    assert await bot.press(reply, "retry") == ""
    await bot.telegram.until(lambda: actions(reply) == ENDED and reply.buttons != before)
    assert [one.message_id for one in bot.telegram.messages(7)] == [reply.message_id]
    # The button of a message that was not brought up to date yet.
    bot.telegram.user_presses(reply, before[0])
    await bot.telegram.until(lambda: not bot.telegram.first_bot.queries)
    assert await bot.home.rows("SELECT count(*) FROM turns") == [(2,)]


async def test_only_the_last_message_of_a_long_reply_has_buttons(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    long = quick(tokens_per_second=50_000.0, answer_tokens=1_500)
    async with bot_of(telegram, database_url, redis_url, engine=long) as bot:
        telegram.user_says(7, "Everything about herons")
        await bot.answered()
        shown = [actions(one) for one in telegram.messages(7)]
    assert len(shown) > 1
    assert shown == [()] * (len(shown) - 1) + [ENDED]


async def test_a_strangers_press_is_refused_on_the_button_alone(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    async with bot_of(telegram, database_url, redis_url, access="pairing") as bot:
        telegram.user_says(-100, "@OutriderTestBot let me in", sender_id=7)
        await telegram.until(lambda: bot.texts(-100))
        await bot.home.service.admission.access.pair(bot.texts(-100)[0].split()[-1])
        telegram.user_says(-100, "@OutriderTestBot about herons", sender_id=7)
        reply = await bot.answered(-100)
        said = len(telegram.messages(-100))
        refused = await bot.press(reply, "up", sender_id=8)
        assert refused.startswith("Dieser Assistent ist privat.")
        assert len(refused) <= 200
        assert len(telegram.messages(-100)) == said
        assert await bot.home.rows("SELECT FROM feedback") == []


async def test_a_button_of_an_erased_turn_says_so(bot: Bot) -> None:
    bot.telegram.user_says(7, "About herons")
    reply = await bot.answered()
    await bot.home.rows("DELETE FROM conversations")
    for action in ENDED:
        assert await bot.press(reply, action) == "This answer isn't here any more."


async def test_orders_are_answered_in_the_language_that_was_chosen(bot: Bot) -> None:
    bot.telegram.user_says(7, "/lang ar")
    await bot.telegram.until(lambda: bot.texts(7) == [sentences("ar")["lang.done"]])
    bot.telegram.user_says(7, "/stop")
    await bot.telegram.until(lambda: bot.texts(7)[1:] == [sentences("ar")["stop.nothing"]])


async def test_an_export_comes_as_a_document(bot: Bot) -> None:
    bot.telegram.user_says(7, "About herons 🎉")
    await bot.answered()
    bot.telegram.user_says(7, "/export json")
    await bot.telegram.until(lambda: len(bot.telegram.messages(7)) == 2)
    sent = bot.telegram.messages(7)[1]
    assert sent.text == sentences("en")["export.done"]
    assert sent.content["document"]["file_name"] == "conversation.json"
    held = json.loads(bot.telegram.files[sent.content["document"]["file_id"]])
    assert held["exchanges"][0]["asked"][0]["text"] == "About herons 🎉"


async def test_a_file_that_telegram_does_not_take_is_apologised_for(bot: Bot) -> None:
    bot.telegram.user_says(7, "About herons")
    await bot.answered()
    bot.telegram.fail_next("sendDocument", Failure(400, "Bad Request: file must be non-empty"))
    bot.telegram.user_says(7, "/export")
    await bot.telegram.until(lambda: bot.texts(7)[1:] == [sentences("en")["notice.file_not_sent"]])


async def test_all_that_is_remembered_is_shown_however_long_it_is(bot: Bot) -> None:
    bot.telegram.user_says(7, "/memory first")
    await bot.telegram.until(lambda: bot.texts(7))
    await bot.home.rows(
        "INSERT INTO memories (person_id, number, text)"
        f" SELECT id, n, n || repeat('🎉', {LONGEST - 3}) FROM persons, generate_series(2, 20) AS n"
    )
    assert MOST >= 20
    bot.telegram.user_says(7, "/memory")
    await bot.telegram.until(lambda: any("/memory forget all" in one for one in bot.texts(7)))
    listed = "\n".join(bot.texts(7)[1:])
    assert [f"\n{n}. " in listed for n in range(1, 21)] == [True] * 20
    assert listed.count("🎉") == 19 * (LONGEST - 3)


# What Telegram offers


def offered(telegram: FakeTelegram, scope: str, language: str) -> list[tuple[str, str]]:
    key = (json.dumps({"type": scope}), language)
    commands = telegram.first_bot.commands.get(key, [])
    return [(one["command"], one["description"]) for one in commands]


async def test_commands_are_offered_in_every_language_and_fewer_in_groups(bot: Bot) -> None:
    bot.telegram.user_says(7, "/help")
    await bot.telegram.until(lambda: bot.texts(7))
    for language in LANGUAGES:
        code = "" if language == "en" else language
        said = sentences(language)
        for scope, names in (("default", COMMANDS), ("all_group_chats", GROUP_COMMANDS)):
            expected = [(name, said[f"command.{name}"]) for name in names]
            assert offered(bot.telegram, scope, code) == expected


async def test_a_later_start_sets_only_what_differs(telegram: FakeTelegram) -> None:
    settings = TelegramSettings(token=SecretStr(telegram.token), base_url=telegram.url)
    async with open_bot(settings) as bot:
        await register_commands(bot)
        first = len(telegram.calls_of("setMyCommands"))
        assert first == 2 * len(LANGUAGES)
        await register_commands(bot)
        assert len(telegram.calls_of("setMyCommands")) == first
        telegram.first_bot.commands[('{"type": "default"}', "de")] = []
        await register_commands(bot)
        assert len(telegram.calls_of("setMyCommands")) == first + 1
    assert offered(telegram, "default", "de")


async def test_a_bot_whose_commands_cant_be_set_answers_all_the_same(
    telegram: FakeTelegram, database_url: str, redis_url: str
) -> None:
    telegram.fail_next("getMyCommands", Failure(429, "Too Many Requests", retry_after=3), times=5)
    telegram.fail_next("setMyCommands", Failure(500), times=5)
    async with bot_of(telegram, database_url, redis_url) as bot:
        telegram.user_says(7, "About herons")
        await bot.answered()
