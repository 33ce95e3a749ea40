"""The fake Telegram refuses what Telegram refuses, with Telegram's words, to the real library.

What it refuses of a text is in test_fake_telegram_text.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeChat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResultArticle,
    InputTextMessageContent,
    ReactionTypeEmoji,
)
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    NetworkError,
    RetryAfter,
    TelegramError,
)

from tests.fakes.telegram import FakeTelegram, HandClock, Limits
from tests.support.telegram_library import library, refused

ADA, BEA, TEAM, OLD_TEAM, NEWS = 7, 8, -100, -50, -300


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def telegram(clock: HandClock) -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(limits=Limits.none(), clock=clock) as fake:
        fake.chat(ADA)
        fake.chat(TEAM)
        yield fake


@pytest.fixture
async def bot(telegram: FakeTelegram) -> AsyncIterator[Bot]:
    async with library(telegram) as opened:
        yield opened


def button(**what: Any) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(((InlineKeyboardButton(what.pop("text", "b"), **what),),))


async def test_the_longest_text_and_data_are_taken(telegram: FakeTelegram, bot: Bot) -> None:
    sent = await bot.send_message(ADA, "😀" * 2048, reply_markup=button(callback_data="ü" * 32))
    assert len(sent.text) == 2048
    edited = bot.edit_message_text("😀" * 2049, ADA, sent.message_id)
    await refused(edited, "MESSAGE_TOO_LONG")
    assert await bot.send_document(ADA, b"a", filename="a.txt", caption="😀" * 512)
    too_long = bot.send_document(ADA, b"a", filename="a.txt", caption="😀" * 512 + "a")
    await refused(too_long, "Message caption is too long")


Setup = Callable[[FakeTelegram], object]
CHATS: dict[str, tuple[Setup, int, str, type[TelegramError]]] = {
    "a chat that nobody opened": (lambda t: None, 55, "Chat not found", BadRequest),
    "a person who blocked the bot": (
        lambda t: t.user_blocks(ADA),
        ADA,
        "Forbidden: bot was blocked by the user",
        Forbidden,
    ),
    "a person who left Telegram": (
        lambda t: t.user_leaves_telegram(ADA),
        ADA,
        "Forbidden: user is deactivated",
        Forbidden,
    ),
    "a group that put the bot out": (
        lambda t: t.bot_is_removed(TEAM),
        TEAM,
        "Forbidden: bot was kicked from the supergroup chat",
        Forbidden,
    ),
    "a small group that put the bot out": (
        lambda t: (t.make_group(OLD_TEAM), t.bot_is_removed(OLD_TEAM)),
        OLD_TEAM,
        "Forbidden: bot was kicked from the group chat",
        Forbidden,
    ),
    "a channel that put the bot out": (
        lambda t: (t.make_group(NEWS, kind="channel"), t.bot_is_removed(NEWS)),
        NEWS,
        "Forbidden: bot was kicked from the channel chat",
        Forbidden,
    ),
    "a group that the bot was never in": (
        lambda t: t.chat(TEAM).absent.add(99),
        TEAM,
        "Forbidden: bot is not a member of the supergroup chat",
        Forbidden,
    ),
    "a group that muted the bot": (
        lambda t: t.bot_is_muted(TEAM),
        TEAM,
        "Not enough rights to send text messages to the chat",
        BadRequest,
    ),
}


@pytest.mark.parametrize("case", CHATS)
async def test_a_chat_where_the_bot_may_not_write_says_why(
    telegram: FakeTelegram, bot: Bot, case: str
) -> None:
    arrange, chat_id, words, kind = CHATS[case]
    arrange(telegram)
    await refused(bot.send_message(chat_id, "a"), words, kind)
    await refused(bot.send_chat_action(chat_id, "typing"), words, kind)


async def test_a_muted_bot_may_still_edit_what_it_wrote(telegram: FakeTelegram, bot: Bot) -> None:
    sent = await bot.send_message(TEAM, "a")
    telegram.bot_is_muted(TEAM)
    assert await bot.edit_message_text("b", TEAM, sent.message_id)


async def test_a_group_that_moved_names_its_new_id(telegram: FakeTelegram, bot: Bot) -> None:
    telegram.make_group(OLD_TEAM)
    new_id = telegram.group_becomes_supergroup(OLD_TEAM)
    with pytest.raises(ChatMigrated) as caught:
        await bot.send_message(OLD_TEAM, "a")
    assert caught.value.new_chat_id == new_id
    assert await bot.send_message(new_id, "a")


async def test_a_closed_topic_takes_nothing(telegram: FakeTelegram, bot: Bot) -> None:
    topic = telegram.open_topic(TEAM, "Travel")
    assert await bot.send_message(TEAM, "a", message_thread_id=topic)
    telegram.close_topic(TEAM, topic)
    await refused(bot.send_message(TEAM, "b", message_thread_id=topic), "TOPIC_CLOSED")


async def test_only_its_own_messages_that_are_there_can_be_edited(
    telegram: FakeTelegram, bot: Bot
) -> None:
    sent = await bot.send_message(ADA, "a", reply_markup=button(callback_data="x"))
    theirs = telegram.user_says(ADA, "mine")
    file = await bot.send_document(ADA, b"one", filename="a.txt", caption="a")
    same = (
        "Message is not modified: specified new message content and reply markup are exactly the "
        "same as a current content and reply markup of the message"
    )
    keyboard = button(callback_data="x")
    await refused(bot.edit_message_text("a", ADA, sent.message_id, reply_markup=keyboard), same)
    await refused(bot.edit_message_reply_markup(ADA, sent.message_id, reply_markup=keyboard), same)
    assert await bot.edit_message_reply_markup(ADA, sent.message_id, reply_markup=None)
    assert await bot.edit_message_caption(ADA, file.message_id, caption="b")
    await refused(bot.edit_message_text("b", ADA, theirs.message_id), "Message can't be edited")
    await refused(bot.edit_message_text("b", ADA, 77), "Message to edit not found")
    await refused(
        bot.edit_message_text("b", ADA, file.message_id), "There is no text in the message to edit"
    )
    await refused(bot.edit_message_text("b", inline_message_id="x"), "MESSAGE_ID_INVALID")


async def test_what_is_gone_old_or_somebody_elses_cant_be_deleted(
    telegram: FakeTelegram, bot: Bot, clock: HandClock
) -> None:
    old = await bot.send_message(ADA, "a")
    clock.advance(48 * 3600)
    new = await bot.send_message(ADA, "b")
    theirs = telegram.user_says(TEAM, "ours", sender_id=ADA)
    await refused(bot.delete_message(ADA, old.message_id), "Message can't be deleted for everyone")
    assert await bot.delete_message(ADA, new.message_id)
    await refused(bot.delete_message(ADA, new.message_id), "Message to delete not found")
    await refused(bot.delete_message(TEAM, theirs.message_id), "Message can't be deleted")
    telegram.bot_is_made_admin(TEAM)
    assert await bot.delete_message(TEAM, theirs.message_id)
    several = [(await bot.send_message(ADA, text)).message_id for text in "cd"]
    assert await bot.delete_messages(ADA, [*several, 777])
    assert [one.text for one in telegram.messages(ADA)] == ["a"]


async def test_reactions_of_telegrams_own_are_taken_one_at_a_time(
    telegram: FakeTelegram, bot: Bot
) -> None:
    message = telegram.user_says(ADA, "a")
    assert await bot.set_message_reaction(ADA, message.message_id, "👀")
    assert message.reactions == ["👀"]
    await refused(bot.set_message_reaction(ADA, message.message_id, "⏳"), "REACTION_INVALID")
    two = [ReactionTypeEmoji("👀"), ReactionTypeEmoji("👍")]
    await refused(bot.set_message_reaction(ADA, message.message_id, two), "REACTIONS_TOO_MANY")
    await refused(bot.set_message_reaction(ADA, 77, "👀"), "Message to react not found")


async def test_a_button_is_answered_once(telegram: FakeTelegram, bot: Bot) -> None:
    await bot.send_message(ADA, "a", reply_markup=button(callback_data="x"))
    query = telegram.user_presses(telegram.messages(ADA)[0], "x")
    assert await bot.answer_callback_query(query, "Done", show_alert=True)
    assert telegram.first_bot.answers[query]["text"] == "Done"
    await refused(
        bot.answer_callback_query(query),
        "Query is too old and response timeout expired or query id is invalid",
    )


async def test_inline_results_are_checked(telegram: FakeTelegram, bot: Bot) -> None:
    query = telegram.user_types_inline("what?")
    text = InputTextMessageContent("a")
    twice = [InlineQueryResultArticle("1", "a", text)] * 2
    await refused(bot.answer_inline_query(query, twice), "RESULT_ID_DUPLICATE")
    long = InlineQueryResultArticle("1" * 64, "a", InputTextMessageContent("a" * 4097))
    await refused(bot.answer_inline_query(query, [long]), "MESSAGE_TOO_LONG")
    assert await bot.answer_inline_query(query, twice[:1])


async def test_commands_are_kept_by_scope_and_language(telegram: FakeTelegram, bot: Bot) -> None:
    scope = BotCommandScopeChat(TEAM)
    await bot.set_my_commands([BotCommand("new", "Start anew")])
    await bot.set_my_commands([BotCommand("new", "Neu anfangen")], language_code="de")
    await bot.set_my_commands([BotCommand("stop", "Stop")], scope=scope)
    assert [one.description for one in await bot.get_my_commands()] == ["Start anew"]
    german = await bot.get_my_commands(language_code="de")
    assert [one.description for one in german] == ["Neu anfangen"]
    assert [one.command for one in await bot.get_my_commands(scope=scope)] == ["stop"]
    await bot.delete_my_commands(language_code="de")
    assert await bot.get_my_commands(language_code="de") == ()
    await refused(bot.set_my_commands([("New!", "a")]), "BOT_COMMAND_INVALID")
    await refused(bot.set_my_commands([("new", "a")] * 101), "BOT_COMMANDS_TOO_MUCH")


WEBHOOKS: dict[str, tuple[str, str, str]] = {
    "without TLS": (
        "http://example.org/hook",
        "",
        "Bad webhook: An HTTPS URL must be provided for webhook",
    ),
    "on another port": (
        "https://example.org:8080/hook",
        "",
        "Bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
    ),
    "no address": ("https://", "", "Invalid webhook URL specified"),
    "a secret of 257": ("https://example.org", "a" * 257, "Secret token is too long"),
    "a secret with a space": (
        "https://example.org",
        "a b",
        "Secret token contains unallowed characters",
    ),
}


@pytest.mark.parametrize("case", WEBHOOKS)
async def test_a_webhook_that_would_not_work_is_refused(
    telegram: FakeTelegram, bot: Bot, case: str
) -> None:
    url, secret, words = WEBHOOKS[case]
    await refused(bot.set_webhook(url, secret_token=secret), words)
    assert (await bot.get_webhook_info()).url == ""


async def test_a_webhook_and_polling_shut_each_other_out(telegram: FakeTelegram, bot: Bot) -> None:
    await bot.set_webhook("https://example.org:8443/hook", allowed_updates=["message"])
    telegram.user_says(ADA, "a")
    info = await bot.get_webhook_info()
    assert (info.url, info.pending_update_count) == ("https://example.org:8443/hook", 1)
    assert info.allowed_updates == ("message",)
    await refused(
        bot.get_updates(),
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to "
        "delete the webhook first",
        Conflict,
    )
    assert await bot.delete_webhook()
    assert len(await bot.get_updates(timeout=0)) == 1
    assert telegram.first_bot.dropped_pending == 0
    await bot.delete_webhook(drop_pending_updates=True)
    assert telegram.first_bot.dropped_pending == 1


async def test_drafts_are_for_private_chats_and_live_30_seconds(
    telegram: FakeTelegram, bot: Bot, clock: HandClock
) -> None:
    assert await bot.send_message_draft(ADA, 5, "")
    assert telegram.drafts(ADA) == [""]
    assert await bot.send_message_draft(ADA, 5, "Hel")
    assert telegram.drafts(ADA) == ["Hel"]
    clock.advance(29)
    assert telegram.drafts(ADA) == ["Hel"]
    clock.advance(1)
    assert telegram.drafts(ADA) == []
    assert telegram.messages(ADA) == []
    await bot.send_message_draft(ADA, 6, "Hello")
    await bot.send_message(ADA, "Hello")
    assert telegram.drafts(ADA) == []
    await refused(bot.send_message_draft(ADA, 0, "a"), "RANDOM_ID_INVALID")
    await refused(bot.send_message_draft(TEAM, 5, "a"), "PEER_ID_INVALID")
    await refused(bot.send_message_draft(ADA, 5, "a" * 4097), "Message is too long")


async def test_typing_is_seen_for_five_seconds_or_until_something_is_sent(
    telegram: FakeTelegram, bot: Bot, clock: HandClock
) -> None:
    await bot.send_chat_action(ADA, "typing")
    clock.advance(4.9)
    assert telegram.is_typing(ADA)
    clock.advance(0.1)
    assert not telegram.is_typing(ADA)
    await bot.send_chat_action(ADA, "typing")
    clock.advance(1)
    await bot.send_message(ADA, "a")
    assert not telegram.is_typing(ADA)
    await refused(bot.send_chat_action(ADA, "thinking"), "Wrong parameter action in request")


async def test_a_document_of_more_than_50_mb_is_too_large(telegram: FakeTelegram, bot: Bot) -> None:
    sent = await bot.send_document(ADA, b"# Hello", filename="chat.md", caption="The chat")
    assert (sent.document.file_name, sent.document.file_size) == ("chat.md", 7)
    file = await bot.get_file(sent.document.file_id)
    assert bytes(await file.download_as_bytearray()) == b"# Hello"
    with pytest.raises(NetworkError, match="Request Entity Too Large"):
        await bot.send_document(ADA, bytes(50 * 2**20 + 1), filename="big", write_timeout=60)


async def test_a_rich_message_is_taken_as_far_as_its_rules_are_known(
    telegram: FakeTelegram, bot: Bot
) -> None:
    async def send(rich: dict[str, str]) -> Any:
        return await bot.do_api_request(
            "sendRichMessage", api_kwargs={"chat_id": ADA, "rich_message": rich}
        )

    assert (await send({"markdown": "# A title"}))["rich_message"] == {"markdown": "# A title"}
    assert await send({"markdown": "ü" * 32768})
    await refused(send({"markdown": "ü" * 32769}), "Message is too long")
    await refused(
        send({"markdown": "a", "html": "a"}),
        "Exactly one of the fields html or markdown must be used",
    )


async def test_a_method_that_is_none_is_not_found(telegram: FakeTelegram, bot: Bot) -> None:
    with pytest.raises(EndPointNotFound):
        await bot.do_api_request("sendTelegram")


async def test_json_that_cant_be_read_is_a_bad_request(telegram: FakeTelegram) -> None:
    async with httpx.AsyncClient() as client:
        url = f"{telegram.url}/bot{telegram.token}/sendMessage"
        answer = await client.post(url, data={"chat_id": "7", "text": "a", "entities": "{"})
    assert answer.status_code == 400
    assert answer.json()["description"] == "Bad Request: can't parse entities JSON object"


async def test_edits_share_the_budget_of_the_chat_and_a_ban_grows_when_it_is_ignored() -> None:
    clock = HandClock()
    async with FakeTelegram(clock=clock) as telegram:
        telegram.chat(TEAM)
        async with library(telegram) as bot:
            sent = await bot.send_message(TEAM, "0")
            for number in range(1, 20):
                clock.advance(2)
                await bot.edit_message_text(str(number), TEAM, sent.message_id)
            waits = []
            for _ in range(3):
                with pytest.raises(RetryAfter, match="Flood control exceeded") as caught:
                    await bot.edit_message_text("one more", TEAM, sent.message_id)
                waits.append(caught.value._retry_after.total_seconds())
            assert waits == [3, 6, 12]
            assert telegram.flood.ignored_penalties == 2
            clock.advance(60)
            assert await bot.edit_message_text("one more", TEAM, sent.message_id)
