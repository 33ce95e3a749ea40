"""What people do in the fake Telegram, as python-telegram-bot reads it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResultArticle,
    InputTextMessageContent,
    Message,
    Update,
)
from telegram.error import BadRequest

from tests.fakes.telegram import FakeTelegram, Limits, origins
from tests.fakes.telegram.sending import PNG
from tests.support.telegram_library import library

ADA = 7
TEAM = -100
EVERYTHING = Update.ALL_TYPES


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(limits=Limits.none()) as fake:
        fake.chat(ADA)
        fake.make_group(TEAM, "Team", kind="supergroup")
        fake.queue.allowed = list(EVERYTHING)
        yield fake


@pytest.fixture
async def bot(telegram: FakeTelegram) -> AsyncIterator[Bot]:
    async with library(telegram) as opened:
        yield opened


async def updates(bot: Bot) -> list[Update]:
    return list(await bot.get_updates(timeout=0, allowed_updates=EVERYTHING))


async def messages(bot: Bot) -> list[Message]:
    return [update.effective_message for update in await updates(bot) if update.effective_message]


Send = Callable[[FakeTelegram], object]
Read = Callable[[Message], object]

KINDS: dict[str, tuple[Send, Read, object]] = {
    "voice": (lambda t: t.user_sends_voice(ADA), lambda m: m.voice.mime_type, "audio/ogg"),
    "audio": (lambda t: t.user_sends_audio(ADA), lambda m: m.audio.title, "A song"),
    "video": (lambda t: t.user_sends_video(ADA), lambda m: m.video.width, 640),
    "sticker": (lambda t: t.user_sends_sticker(ADA), lambda m: m.sticker.emoji, "👍"),
    "location": (lambda t: t.user_sends_location(ADA), lambda m: m.location.latitude, 52.5163),
    "venue": (lambda t: t.user_sends_venue(ADA), lambda m: m.venue.title, "Museum"),
    "contact": (lambda t: t.user_sends_contact(ADA), lambda m: m.contact.first_name, "Grace"),
    "poll": (
        lambda t: t.user_sends_poll(ADA, "Tea?", ["Yes", "No"]),
        lambda m: (m.poll.question, [one.text for one in m.poll.options]),
        ("Tea?", ["Yes", "No"]),
    ),
    "dice": (lambda t: t.user_sends_dice(ADA, 4), lambda m: m.dice.value, 4),
    "photo": (
        lambda t: t.user_sends_photo(ADA, caption="Look @OutriderTestBot"),
        lambda m: (m.photo[-1].width, m.caption, list(m.parse_caption_entities().values())),
        (1280, "Look @OutriderTestBot", ["@OutriderTestBot"]),
    ),
    "document": (
        lambda t: t.user_sends_document(ADA, b"one", file_name="a.txt"),
        lambda m: (m.document.file_name, m.document.file_size, m.document.mime_type),
        ("a.txt", 3, "text/plain"),
    ),
    "links and formatting": (
        lambda t: t.user_says(
            ADA,
            "😀 see https://example.org/a. and this",
            entities=[{"type": "text_link", "offset": 34, "length": 4, "url": "https://b.org"}],
        ),
        lambda m: [(e.type, m.parse_entity(e), e.url) for e in m.entities],
        [("url", "https://example.org/a", None), ("text_link", "this", "https://b.org")],
    ),
    "forward of a person": (
        lambda t: t.user_says(ADA, "a", forward_origin=origins.from_person(t.person(8, "Bea"))),
        lambda m: m.forward_origin.sender_user.first_name,
        "Bea",
    ),
    "forward of a hidden person": (
        lambda t: t.user_says(ADA, "a", forward_origin=origins.from_hidden("Cleo")),
        lambda m: m.forward_origin.sender_user_name,
        "Cleo",
    ),
    "forward of a group": (
        lambda t: t.user_says(ADA, "a", forward_origin=origins.from_group(t.chat(TEAM).describe())),
        lambda m: m.forward_origin.sender_chat.title,
        "Team",
    ),
    "forward of a channel": (
        lambda t: t.user_says(
            ADA,
            "a",
            forward_origin=origins.from_channel(
                t.make_group(-300, "News", kind="channel").describe(), 5, "Dan"
            ),
        ),
        lambda m: (
            m.forward_origin.chat.title,
            m.forward_origin.message_id,
            m.forward_origin.author_signature,
        ),
        ("News", 5, "Dan"),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_the_library_reads_what_people_send(
    telegram: FakeTelegram, bot: Bot, kind: str
) -> None:
    send, read, expected = KINDS[kind]
    send(telegram)
    (message,) = await messages(bot)
    assert read(message) == expected


async def test_a_reply_may_quote_a_part_of_what_it_answers(
    telegram: FakeTelegram, bot: Bot
) -> None:
    first = telegram.user_says(ADA, "😀 one two")
    telegram.user_says(ADA, "which?", reply_to=first.message_id, quote="two")
    message = (await messages(bot))[-1]
    assert message.reply_to_message.text == "😀 one two"
    assert (message.quote.text, message.quote.position) == ("two", 7)


async def test_an_album_is_several_messages_with_one_id(telegram: FakeTelegram, bot: Bot) -> None:
    telegram.user_sends_album(ADA, [PNG, PNG], caption="both")
    telegram.user_sends_album(ADA, [PNG])
    first, second, third = await messages(bot)
    assert first.media_group_id == second.media_group_id != third.media_group_id
    assert (first.caption, second.caption) == ("both", None)


async def test_a_files_bytes_come_by_the_file_api(telegram: FakeTelegram, bot: Bot) -> None:
    telegram.user_sends_document(ADA, b"one, two", file_name="a b.csv")
    telegram.user_sends_photo(ADA)
    document, photo = await messages(bot)
    for attached, data in ((document.document, b"one, two"), (photo.photo[-1], PNG)):
        file = await bot.get_file(attached.file_id)
        assert bytes(await file.download_as_bytearray()) == data
    assert len(telegram.downloads) == 2


async def test_a_file_of_more_than_20_mb_cant_be_fetched(telegram: FakeTelegram, bot: Bot) -> None:
    telegram.user_sends_document(ADA, b"", size=20 * 2**20 + 1)
    telegram.user_sends_document(ADA, b"", size=20 * 2**20)
    large, small = await messages(bot)
    with pytest.raises(BadRequest, match="File is too big"):
        await bot.get_file(large.document.file_id)
    assert await bot.get_file(small.document.file_id)


async def test_captions_and_texts_are_edited(telegram: FakeTelegram, bot: Bot) -> None:
    photo = telegram.user_sends_photo(ADA, caption="befor")
    telegram.user_edits(photo, "before")
    telegram.user_edits(telegram.user_says(ADA, "a"), "b")
    photo_edit, text_edit = [one.edited_message for one in await updates(bot) if one.edited_message]
    assert (photo_edit.caption, photo_edit.photo[-1].width) == ("before", 1280)
    assert text_edit.text == "b"
    assert text_edit.edit_date is not None


async def test_reactions_say_what_was_and_what_is(telegram: FakeTelegram, bot: Bot) -> None:
    sent = await bot.send_message(ADA, "an answer")
    message = telegram.messages(ADA)[0]
    telegram.user_reacts(message, "👍")
    telegram.user_reacts(message)
    first, second = [one.message_reaction for one in await updates(bot)]
    assert first.message_id == sent.message_id
    assert [one.emoji for one in first.new_reaction] == ["👍"]
    assert ([one.emoji for one in second.old_reaction], second.new_reaction) == (["👍"], ())


async def test_a_topic_is_opened_answered_in_and_closed(telegram: FakeTelegram, bot: Bot) -> None:
    topic = telegram.open_topic(TEAM, "Travel")
    telegram.user_says(TEAM, "@OutriderTestBot hi", sender_id=ADA, thread_id=topic)
    telegram.close_topic(TEAM, topic)
    opened, said, closed = await messages(bot)
    assert opened.forum_topic_created.name == "Travel"
    assert (said.message_thread_id, said.is_topic_message, said.chat.is_forum) == (
        topic,
        True,
        True,
    )
    assert said.reply_to_message.message_id == topic
    assert closed.forum_topic_closed is not None
    with pytest.raises(BadRequest, match="Topic_closed"):
        await bot.send_message(TEAM, "too late", message_thread_id=topic)


async def test_a_channels_post_comes_to_its_discussion_group(
    telegram: FakeTelegram, bot: Bot
) -> None:
    telegram.first_bot.user["can_read_all_group_messages"] = True
    telegram.link_discussion(-300, TEAM)
    copy = telegram.channel_posts(-300, "News!")
    telegram.user_comments(copy, "@OutriderTestBot is it true?")
    post, shown, comment = await updates(bot)
    assert post.channel_post.sender_chat.title == "News"
    assert shown.message.is_automatic_forward is True
    assert shown.message.sender_chat.type == "channel"
    assert shown.message.from_user.id == 777000
    assert comment.message.reply_to_message.message_id == copy.message_id
    assert comment.message.message_thread_id == copy.message_id
    assert comment.message.is_topic_message is None
    assert await bot.send_message(TEAM, "Yes.", message_thread_id=copy.message_id)


async def test_names_that_stand_for_chats_and_other_bots_are_told_apart(
    telegram: FakeTelegram, bot: Bot
) -> None:
    telegram.admin_says_anonymously(TEAM, "@OutriderTestBot one")
    telegram.channel_says(TEAM, -300, "@OutriderTestBot two")
    telegram.other_bot_says(TEAM, "@OutriderTestBot three")
    admin, channel, other = await messages(bot)
    assert admin.sender_chat.id == TEAM
    assert (channel.sender_chat.id, channel.sender_chat.type) == (-300, "channel")
    assert other.sender_chat is None
    assert other.from_user.is_bot is True


ARTICLE = InlineQueryResultArticle("1", "An answer", InputTextMessageContent("42"))
KEYBOARD = InlineKeyboardMarkup(((InlineKeyboardButton("Stop", callback_data="stop:1"),),))
EDITABLE = InlineQueryResultArticle(
    "2", "An answer", InputTextMessageContent("…"), reply_markup=KEYBOARD
)


async def test_an_inline_result_with_a_keyboard_can_be_edited_where_it_was_sent(
    telegram: FakeTelegram, bot: Bot
) -> None:
    telegram.chat(-200).absent.add(99)
    query = telegram.user_types_inline("what is it?")
    (asked,) = await updates(bot)
    assert (asked.inline_query.id, asked.inline_query.query) == (query, "what is it?")
    await bot.answer_inline_query(query, [ARTICLE, EDITABLE])
    telegram.user_chooses(query, "1")
    message = telegram.user_chooses(query, "2")
    plain, editable = [one.chosen_inline_result for one in (await updates(bot))[1:]]
    assert plain.inline_message_id is None
    assert await bot.edit_message_text("42", inline_message_id=editable.inline_message_id) is True
    assert [version.text for version in message.versions] == ["…", "42"]
    with pytest.raises(BadRequest, match="Query is too old"):
        await bot.answer_inline_query(query, [])


async def test_a_guest_is_asked_and_answers_where_it_is_not(
    telegram: FakeTelegram, bot: Bot
) -> None:
    telegram.user_asks_guest(-200, "@OutriderTestBot what is it?")
    (asked,) = await updates(bot)
    query = asked.guest_message.guest_query_id
    assert asked.guest_message.text == "@OutriderTestBot what is it?"
    sent = await bot.answer_guest_query(query, ARTICLE)
    await bot.edit_message_text("43", inline_message_id=sent.inline_message_id)
    (answer,) = telegram.messages(-200)
    assert [version.text for version in answer.versions] == ["42", "43"]
    assert answer.reply_to is not None
    with pytest.raises(BadRequest, match="Query is too old"):
        await bot.answer_guest_query(query, ARTICLE)


async def test_a_group_that_becomes_a_supergroup_says_so_on_both_sides(
    telegram: FakeTelegram, bot: Bot
) -> None:
    telegram.make_group(-50, "Old friends")
    new_id = telegram.group_becomes_supergroup(-50)
    old, new = await messages(bot)
    assert (old.chat.id, old.chat.type, old.migrate_to_chat_id) == (-50, "group", new_id)
    assert (new.chat.id, new.chat.type, new.migrate_from_chat_id) == (new_id, "supergroup", -50)
    assert new.chat.title == "Old friends"


async def test_people_have_languages_and_may_block_the_bot(
    telegram: FakeTelegram, bot: Bot
) -> None:
    telegram.person(ADA, "Ada", language_code="de", username="ada")
    telegram.user_says(ADA, "Hallo")
    telegram.user_blocks(ADA)
    telegram.user_unblocks(ADA)
    said, blocked, unblocked = await updates(bot)
    assert (said.message.from_user.language_code, said.message.from_user.username) == ("de", "ada")
    statuses = [
        (one.my_chat_member.old_chat_member.status, one.my_chat_member.new_chat_member.status)
        for one in (blocked, unblocked)
    ]
    assert statuses == [("member", "kicked"), ("kicked", "member")]
    assert await bot.send_message(ADA, "again")


async def test_only_the_kinds_of_updates_that_were_asked_for_come(
    telegram: FakeTelegram, bot: Bot
) -> None:
    telegram.queue.allowed = []
    await bot.get_updates(timeout=0, allowed_updates=["message"])
    message = telegram.user_says(ADA, "a")
    telegram.user_edits(message, "b")
    telegram.user_reacts(message, "👍")
    assert [one.message.text for one in await bot.get_updates(timeout=0)] == ["a"]
