"""Telegram's channel against a server that acts like api.telegram.org, over real sockets."""

from __future__ import annotations

import io
import json
import logging
import socket
import traceback
from collections.abc import AsyncIterator

import pytest
import structlog
from pydantic import SecretStr
from telegram import ReactionTypeEmoji
from telegram.error import BadRequest

from assistant.channel import Look, Placeholder
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
from bots.telegram.channel import PLACEHOLDER, SEEN, TelegramChannel
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


async def post(channel: TelegramChannel, chat: ChatRef = ADA, *, reply_to: str = "1") -> str:
    return await channel.post(chat, Placeholder(3, "3.0", reply_to))


async def edit(channel: TelegramChannel, message_id: str, text: str, *, final: bool = True) -> None:
    await channel.edit(ADA, message_id, Look(text, 3, final=final))


async def test_a_reply_is_one_message_that_grows(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    message_id = await post(channel)
    await edit(channel, message_id, "Hello **wor", final=False)
    await edit(channel, message_id, "Hello **world**")
    (message,) = telegram.messages(7)
    assert str(message.message_id) == message_id
    assert [v.text for v in message.versions] == [PLACEHOLDER, "Hello wor", "Hello world"]
    assert message.entities == [{"type": "bold", "offset": 6, "length": 5}]


async def test_the_stop_button_is_there_until_the_final_edit(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    message_id = await post(channel)
    assert telegram.messages(7)[0].buttons == ["stop:3"]
    await edit(channel, message_id, "a", final=False)
    assert telegram.messages(7)[0].buttons == ["stop:3"]
    await edit(channel, message_id, "a")
    assert telegram.messages(7)[0].buttons == []


async def test_an_edit_that_changes_nothing_is_success(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    message_id = await post(channel)
    for _ in range(2):
        await edit(channel, message_id, "same")
    assert [v.text for v in telegram.messages(7)[0].versions] == [PLACEHOLDER, "same"]


async def test_an_edit_to_nothing_shows_the_placeholder_again(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    message_id = await post(channel)
    await edit(channel, message_id, "an answer that is superseded")
    await edit(channel, message_id, "", final=False)
    assert telegram.messages(7)[0].text == PLACEHOLDER
    assert telegram.messages(7)[0].buttons == ["stop:3"]


async def test_what_was_posted_cant_be_looked_for(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    await post(channel)
    assert await channel.find(ADA, "3.0", reply_to="1") is None


async def test_in_a_group_the_question_is_quoted_also_when_it_is_gone(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    question = telegram.user_says(-100, "@OutriderTestBot hi")
    await post(channel, TEAM, reply_to=str(question.message_id))
    telegram.user_deletes(question)
    await post(channel, TEAM, reply_to=str(question.message_id))
    assert [m.reply_to for m in telegram.messages(-100)] == [question.message_id, None]


async def test_a_topic_is_answered_in_the_topic(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    telegram.user_says(-100, "hi", thread_id=5)
    topic = ChatRef("telegram", "default", "-100", "5", "group")
    await post(channel, topic)
    await channel.typing(topic)
    assert telegram.messages(-100)[0].thread_id == 5
    assert [action for _, action in telegram.chat(-100).actions] == ["typing"]


async def test_every_piece_of_a_long_reply_is_taken(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    code = "\n".join(f"line_{n} = '😀' * {n}" for n in range(600))
    reply = f"# Long\n\n```python\n{code}\n```\n\n" + "**bold** and 👨‍👩‍👧 " * 500
    for piece in channel.split(reply):
        await edit(channel, await post(channel), piece)
    assert len(telegram.messages(7)) > 3
    assert all(len(message.versions) == 2 for message in telegram.messages(7))


async def test_a_notice_is_plain_and_never_too_long(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    await channel.say(ADA, "**as it is** " + "😀" * 5000)
    (message,) = telegram.messages(7)
    assert message.text.startswith("**as it is** 😀")
    assert message.entities == []


async def test_a_deleted_message_is_gone_for_edits(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    message_id = await post(channel)
    await channel.delete(ADA, message_id)
    assert telegram.messages(7) == []
    with pytest.raises(MessageGone):
        await edit(channel, message_id, "b")
    with pytest.raises(MessageGone):
        await edit(channel, "not-telegrams", "b")


async def test_deleting_what_is_gone_is_success(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    message_id = await post(channel)
    for gone in (message_id, message_id, "999", "not-telegrams"):
        await channel.delete(ADA, gone)
    assert telegram.messages(7) == []


async def test_what_is_too_old_to_be_deleted_says_that_it_was_removed(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    message_id = await post(channel)
    await edit(channel, message_id, "the **answer** to a question that was deleted", final=False)
    telegram.grow_old(telegram.messages(7)[0], hours=48)
    for _ in range(2):  # the second time it says so already
        await channel.delete(ADA, message_id, "de")
    (message,) = telegram.messages(7)
    assert (message.text, message.entities, message.buttons) == ("(entfernt)", [], [])


async def test_refused_formatting_is_sent_as_plain_text(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    message_id = await post(channel)
    for _ in range(2):  # the second time the plain text is there already
        telegram.fail_next("editMessageText", Failure(400, "Bad Request: can't parse entities: no"))
        await edit(channel, message_id, "**ab**")
    assert (telegram.messages(7)[0].text, telegram.messages(7)[0].entities) == ("ab", [])


async def test_a_message_that_waits_is_marked_as_seen(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    question = telegram.user_says(7, "and then?")
    for _ in range(2):  # a mark that is there already is success
        await channel.mark_waiting(ADA, str(question.message_id))
    assert question.reactions == [SEEN]
    assert telegram.messages(7) == []


@pytest.mark.parametrize("message_id", ["999", "not-telegrams"])
async def test_a_message_that_is_not_there_cant_be_marked(
    channel: TelegramChannel, message_id: str
) -> None:
    with pytest.raises(MessageGone):
        await channel.mark_waiting(ADA, message_id)


async def test_a_chat_that_allows_no_reactions_refuses_the_mark(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    question = telegram.user_says(7, "and then?")
    telegram.chat(7).reactions_allowed = False
    with pytest.raises(ContentRefused):
        await channel.mark_waiting(ADA, str(question.message_id))
    assert question.reactions == []


@pytest.mark.parametrize("reaction", ["⏳", ["👀", "👍"]])
async def test_the_fake_takes_one_of_telegrams_own_reactions_only(
    telegram: FakeTelegram, bot: TelegramBot, reaction: str | list[str]
) -> None:
    question = telegram.user_says(7, "and then?")
    given = [ReactionTypeEmoji(one) for one in reaction]
    with pytest.raises(BadRequest, match=r"(?i)reaction"):
        await bot.set_message_reaction(7, question.message_id, given)
    assert question.reactions == []


async def test_who_blocked_the_bot_or_is_unknown_is_unreachable(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    telegram.user_blocks(7)
    for chat in (ADA, ChatRef("telegram", "default", "12345")):
        with pytest.raises(RecipientUnreachable):
            await post(channel, chat)


async def test_a_flood_penalty_says_how_long(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    telegram.flood.punish(7, 17)
    with pytest.raises(RateLimited) as caught:
        await post(channel)
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
    message_id = await post(channel)
    telegram.fail_next("sendMessage", failure)
    with pytest.raises(ChannelError) as on_post:
        await post(channel)
    telegram.fail_next("editMessageText", failure)
    telegram.fail_next("deleteMessage", failure)
    telegram.fail_next("sendChatAction", failure)
    telegram.fail_next("setMessageReaction", failure)
    assert type(on_post.value) is posted
    for call in (
        edit(channel, message_id, "c"),
        channel.typing(ADA),
        channel.mark_waiting(ADA, message_id),
        channel.delete(ADA, message_id),
    ):
        with pytest.raises(ChannelError) as caught:
            await call
        assert type(caught.value) is edited


@pytest.mark.parametrize(
    ("text", "shown"), [("#", False), ("``", False), ("# T", True), ("a", True)]
)
def test_a_text_that_has_only_begun_shows_nothing(
    channel: TelegramChannel, text: str, shown: bool
) -> None:
    assert channel.shows(text) is shown


STRANGE = {
    "message_id": 77,
    "date": 1,
    "chat": {"id": 7, "type": "private"},
    "reply_to_message": {"message_id": 1, "date": 1, "photo": [{"kind": "new"}]},
}


async def test_what_the_library_cannot_read_in_an_answer_is_no_failure(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    answer = Failure(body=json.dumps({"ok": True, "result": STRANGE}), effect=True)
    telegram.fail_next("sendMessage", answer)
    assert await post(channel) == "77"
    telegram.fail_next("editMessageText", answer)
    await edit(channel, str(telegram.messages(7)[-1].message_id), "**bold**")
    [message] = telegram.messages(7)
    assert (message.text, message.entities[0]["type"]) == ("bold", "bold")


async def test_a_server_that_is_not_there_has_certainly_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = TelegramSettings(token=SecretStr("1:x"), base_url=f"http://127.0.0.1:{port}")
    async with open_bot(settings) as bot:
        with pytest.raises(PlatformUnavailable):
            await post(TelegramChannel(bot, "default"))


async def test_a_wrong_token_is_said_so(telegram: FakeTelegram) -> None:
    settings = TelegramSettings(token=SecretStr("1:wrong"), base_url=telegram.url)
    async with open_bot(settings) as bot:
        with pytest.raises(CredentialsRefused):
            await TelegramChannel(bot, "default").say(ADA, "a")


async def test_a_token_that_no_address_can_hold_is_not_shown(telegram: FakeTelegram) -> None:
    """The settings refuse it; this is the second line."""
    settings = TelegramSettings(base_url=telegram.url)
    settings.token = SecretStr("1:hidden\u200b-part")
    async with open_bot(settings) as bot:
        with pytest.raises(CredentialsRefused) as caught:
            await TelegramChannel(bot, "default").say(ADA, "a")
    said = "".join(traceback.format_exception(caught.value))
    assert "hidden" not in said and "\\u200b" not in said
    assert telegram.calls == []


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
