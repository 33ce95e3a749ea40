"""Telegram's channel against a server that acts like api.telegram.org, over real sockets."""

from __future__ import annotations

import io
import logging
import socket
import traceback
from collections.abc import AsyncIterator

import pytest
import structlog
from pydantic import SecretStr

from assistant.errors import (
    ChannelError,
    ContentRefused,
    CredentialsRefused,
    MessageGone,
    PlatformUnavailable,
    RateLimited,
    RecipientUnreachable,
    SendOutcomeUnknown,
    StartupError,
)
from assistant.messages import ChatRef
from bots.telegram.bot import TelegramBot, open_bot
from bots.telegram.channel import PLACEHOLDER, TelegramChannel
from bots.telegram.settings import TelegramSettings
from tests.fakes.telegram import Failure, FakeTelegram, Limits

ADA = ChatRef("telegram", "default", "7")
TEAM = ChatRef("telegram", "default", "-100", kind="group")


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(limits=Limits.none()) as fake:
        fake.chat(7)
        fake.chat(-100)
        yield fake


@pytest.fixture
async def bot(telegram: FakeTelegram) -> AsyncIterator[TelegramBot]:
    settings = TelegramSettings(token=SecretStr(telegram.token), base_url=telegram.url)
    async with open_bot(settings) as opened:
        yield opened


@pytest.fixture
def channel(bot: TelegramBot) -> TelegramChannel:
    return TelegramChannel(bot, account="default")


async def test_a_reply_is_one_message_that_grows(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    message_id = await channel.post(ADA, "", turn_id=3, reply_to="1", final=False)
    await channel.edit(ADA, message_id, "Hello **wor", turn_id=3, final=False)
    await channel.edit(ADA, message_id, "Hello **world**", turn_id=3, final=True)
    (message,) = telegram.messages(7)
    assert str(message.message_id) == message_id
    assert [v.text for v in message.versions] == [PLACEHOLDER, "Hello **wor", "Hello world"]
    assert message.entities == [{"type": "bold", "offset": 6, "length": 5}]


async def test_the_stop_button_is_there_until_the_final_edit(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    message_id = await channel.post(ADA, "a", turn_id=3, reply_to="1", final=False)
    assert telegram.messages(7)[0].buttons == ["stop:3"]
    await channel.edit(ADA, message_id, "a", turn_id=3, final=True)
    assert telegram.messages(7)[0].buttons == []


async def test_an_edit_that_changes_nothing_is_success(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    message_id = await channel.post(ADA, "same", turn_id=3, reply_to="1", final=True)
    await channel.edit(ADA, message_id, "same", turn_id=3, final=True)
    assert len(telegram.messages(7)[0].versions) == 1


async def test_in_a_group_the_question_is_quoted_also_when_it_is_gone(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    question = telegram.user_says(-100, "@OutriderTestBot hi")
    await channel.post(TEAM, "a", turn_id=1, reply_to=str(question.message_id), final=True)
    telegram.user_deletes(question)
    await channel.post(TEAM, "b", turn_id=1, reply_to=str(question.message_id), final=True)
    assert [m.reply_to for m in telegram.messages(-100)] == [question.message_id, None]


async def test_a_topic_is_answered_in_the_topic(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    telegram.user_says(-100, "hi", thread_id=5)
    topic = ChatRef("telegram", "default", "-100", "5", "group")
    await channel.post(topic, "a", turn_id=1, reply_to="1", final=True)
    await channel.typing(topic)
    assert telegram.messages(-100)[0].thread_id == 5
    assert [action for _, action in telegram.chat(-100).actions] == ["typing"]


async def test_every_piece_of_a_long_reply_is_taken(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    code = "\n".join(f"line_{n} = '😀' * {n}" for n in range(600))
    reply = f"# Long\n\n```python\n{code}\n```\n\n" + "**bold** and 👨‍👩‍👧 " * 500
    for piece in channel.split(reply):
        await channel.post(ADA, piece, turn_id=1, reply_to="1", final=True)
    assert len(telegram.messages(7)) > 3


async def test_a_notice_is_plain_and_never_too_long(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    await channel.say(ADA, "**as it is** " + "😀" * 5000)
    (message,) = telegram.messages(7)
    assert message.text.startswith("**as it is** 😀")
    assert message.entities == []


async def test_a_deleted_message_is_gone_for_edits_and_deletes(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    message_id = await channel.post(ADA, "a", turn_id=1, reply_to="1", final=False)
    await channel.delete(ADA, message_id)
    assert telegram.messages(7) == []
    with pytest.raises(MessageGone):
        await channel.edit(ADA, message_id, "b", turn_id=1, final=True)
    with pytest.raises(MessageGone):
        await channel.delete(ADA, message_id)
    with pytest.raises(MessageGone):
        await channel.edit(ADA, "not-telegrams", "b", turn_id=1, final=True)


async def test_refused_formatting_is_sent_as_plain_text(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    refusal = Failure(400, "Bad Request: can't parse entities: no")
    telegram.fail_next("sendMessage", refusal)
    message_id = await channel.post(ADA, "**a**", turn_id=1, reply_to="1", final=True)
    assert (telegram.messages(7)[0].text, telegram.messages(7)[0].entities) == ("a", [])
    for _ in range(2):  # the second time the plain text is there already
        telegram.fail_next("editMessageText", refusal)
        await channel.edit(ADA, message_id, "**ab**", turn_id=1, final=True)
    assert (telegram.messages(7)[0].text, telegram.messages(7)[0].entities) == ("ab", [])


async def test_who_blocked_the_bot_or_is_unknown_is_unreachable(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    telegram.user_blocks(7)
    for chat in (ADA, ChatRef("telegram", "default", "12345")):
        with pytest.raises(RecipientUnreachable):
            await channel.post(chat, "a", turn_id=1, reply_to="1", final=True)


async def test_a_flood_penalty_says_how_long(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    telegram.flood.punish(7, 17)
    with pytest.raises(RateLimited) as caught:
        await channel.post(ADA, "a", turn_id=1, reply_to="1", final=True)
    assert caught.value.retry_after_seconds == 34  # asked inside a penalty: twice as long


OUTCOMES: list[tuple[Failure, type[ChannelError], type[ChannelError]]] = [
    (Failure(500), PlatformUnavailable, PlatformUnavailable),
    (Failure(502, "Bad Gateway"), SendOutcomeUnknown, PlatformUnavailable),
    (Failure(drop=True, effect=True), SendOutcomeUnknown, PlatformUnavailable),
    (Failure(body="<html>", effect=True), SendOutcomeUnknown, PlatformUnavailable),
    (Failure(body='{"ok": true}', effect=True), SendOutcomeUnknown, PlatformUnavailable),
    (Failure(body="[]", effect=True), SendOutcomeUnknown, PlatformUnavailable),
    (Failure(429, "Too Many Requests", retry_after=4), RateLimited, RateLimited),
    (Failure(429, "Too Many Requests"), RateLimited, RateLimited),
    (Failure(400, "Bad Request: strange"), ContentRefused, ContentRefused),
    (Failure(401, "Unauthorized"), CredentialsRefused, CredentialsRefused),
]


@pytest.mark.parametrize(("failure", "posted", "edited"), OUTCOMES)
async def test_a_failed_call_says_whether_it_may_have_taken_effect(
    telegram: FakeTelegram,
    channel: TelegramChannel,
    failure: Failure,
    posted: type[ChannelError],
    edited: type[ChannelError],
) -> None:
    message_id = await channel.post(ADA, "a", turn_id=1, reply_to="1", final=True)
    telegram.fail_next("sendMessage", failure)
    with pytest.raises(ChannelError) as on_post:
        await channel.post(ADA, "b", turn_id=1, reply_to="1", final=True)
    telegram.fail_next("editMessageText", failure)
    telegram.fail_next("deleteMessage", failure)
    telegram.fail_next("sendChatAction", failure)
    assert type(on_post.value) is posted
    for call in (
        channel.edit(ADA, message_id, "c", turn_id=1, final=True),
        channel.delete(ADA, message_id),
        channel.typing(ADA),
    ):
        with pytest.raises(ChannelError) as caught:
            await call
        assert type(caught.value) is edited


async def test_a_server_that_is_not_there_has_certainly_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = TelegramSettings(token=SecretStr("1:x"), base_url=f"http://127.0.0.1:{port}")
    async with open_bot(settings) as bot:
        with pytest.raises(PlatformUnavailable):
            await TelegramChannel(bot, "default").post(
                ADA, "a", turn_id=1, reply_to="1", final=True
            )


async def test_a_wrong_token_is_said_so(telegram: FakeTelegram) -> None:
    settings = TelegramSettings(token=SecretStr("1:wrong"), base_url=telegram.url)
    async with open_bot(settings) as bot:
        with pytest.raises(CredentialsRefused):
            await TelegramChannel(bot, "default").say(ADA, "a")


async def test_without_a_token_there_is_no_bot() -> None:
    with pytest.raises(StartupError, match="OUTRIDER_TELEGRAM__TOKEN"):
        async with open_bot(TelegramSettings(token=SecretStr(""))):
            pass


async def test_a_servers_root_may_have_a_path(telegram: FakeTelegram) -> None:
    settings = TelegramSettings(token=SecretStr("1:x"), base_url=f"{telegram.url}/proxy/")
    async with open_bot(settings) as bot:
        with pytest.raises(CredentialsRefused):
            await TelegramChannel(bot, "default").say(ADA, "a")
    assert telegram.calls == []


async def test_the_token_is_in_no_log_no_error_and_no_traceback(
    telegram: FakeTelegram, bot: TelegramBot, channel: TelegramChannel
) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        await channel.say(ADA, "fine")
        for failure in (Failure(drop=True), Failure(401, "Unauthorized"), Failure(body="no")):
            telegram.fail_next("sendMessage", failure)
            with pytest.raises(ChannelError) as caught:
                await channel.say(ADA, "a")
            traceback.print_exception(caught.value, file=written)
            details = (type(caught.value), caught.value, caught.value.__traceback__)
            structlog.dev.RichTracebackFormatter(show_locals=True)(written, details)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    said = written.getvalue() + repr(bot) + repr(channel) + str(bot.token)
    assert "sendMessage" in said  # the calls were logged
    assert telegram.token not in said
    assert telegram.token.split(":")[1] not in said
