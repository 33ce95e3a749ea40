"""What the fake Telegram does with a bot's text: refuse it, clean it, leave entities out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    MessageEntity,
    ReplyParameters,
)

from tests.fakes.telegram import FakeTelegram, Limits
from tests.support.telegram_library import library, refused

ADA = 7


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(limits=Limits.none()) as fake:
        fake.chat(ADA)
        yield fake


@pytest.fixture
async def bot(telegram: FakeTelegram) -> AsyncIterator[Bot]:
    async with library(telegram) as opened:
        yield opened


def entity(kind: str, offset: int, length: int, **more: Any) -> MessageEntity:
    return MessageEntity(kind, offset, length, **more)


def button(**what: Any) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(((InlineKeyboardButton(what.pop("text", "b"), **what),),))


Texts = dict[str, tuple[dict[str, Any], str]]

TEXTS: Texts = {
    "only white space": ({"text": " \n "}, "Text must be non-empty"),
    "too long": ({"text": "😀" * 2048 + "a"}, "Message is too long"),
    "far too long": ({"text": "a" * 32769}, "Text is too long"),
    "an entity beside the text": (
        {"text": "😀b", "entities": [entity("bold", 2, 2)]},
        "Entity beginning at UTF-16 offset 2 ends after the end of the text at UTF-16 offset 4",
    ),
    "an entity behind the text": (
        {"text": "a", "entities": [entity("bold", 5, 1)]},
        "Entity begins after the end of the text at UTF-16 offset 5",
    ),
    "an entity that begins in a character": (
        {"text": "😀b", "entities": [entity("bold", 1, 2)]},
        "Entity begins in a middle of a UTF-16 symbol at byte offset 4",
    ),
    "an entity that ends in a character": (
        {"text": "b😀", "entities": [entity("bold", 0, 2)]},
        "Entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol at byte offset 5",
    ),
    "a negative entity": (
        {"text": "a", "entities": [entity("bold", -1, 1)]},
        "Receive an entity with incorrect offset -1",
    ),
    "an entity of no kind": (
        {"text": "a", "entities": [entity("glowing", 0, 1)]},
        "Can't parse MessageEntity: Unsupported type specified",
    ),
    "a link to this machine": (
        {"text": "a", "entities": [entity("text_link", 0, 1, url="http://localhost:80/")]},
        "Entity URL 'http://localhost:80/' is invalid: Wrong HTTP URL",
    ),
    "a link of another protocol": (
        {"text": "a", "entities": [entity("text_link", 0, 1, url="ftp://a.org")]},
        "Entity URL 'ftp://a.org' is invalid: Unsupported URL protocol",
    ),
    "a link without a host": (
        {"text": "a", "entities": [entity("text_link", 0, 1, url="#part")]},
        "Entity URL '#part' is invalid: URL host is empty",
    ),
    "too much in links": (
        {
            "text": "ab" * 50,
            "entities": [
                entity("text_link", n, 1, url=f"https://a.org/{n}/" + "x" * 100) for n in range(99)
            ],
        },
        "ENTITIES_TOO_LONG",
    ),
    "callback data of 65 bytes": (
        {"text": "a", "reply_markup": button(callback_data="ü" * 32 + "a")},
        "BUTTON_DATA_INVALID",
    ),
    "a button that does nothing": (
        {"text": "a", "reply_markup": {"inline_keyboard": [[{"text": "b"}]]}},
        "Can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
    ),
    "an unknown parse mode": ({"text": "a", "parse_mode": "BBCode"}, "Unsupported parse_mode"),
    "an HTML tag of its own": (
        {"text": "ü<table>", "parse_mode": "HTML"},
        'Can\'t parse entities: Unsupported start tag "table" at byte offset 2',
    ),
    "HTML that is not closed": (
        {"text": "<b>a", "parse_mode": "HTML"},
        "Can't parse entities: Can't find end tag corresponding to start tag \"b\"",
    ),
    "HTML that crosses": (
        {"text": "<b><i>a</b></i>", "parse_mode": "HTML"},
        'Can\'t parse entities: Unmatched end tag at byte offset 7, expected "</i>", found "</b>"',
    ),
    "MarkdownV2 that is not escaped": (
        {"text": "a.", "parse_mode": "MarkdownV2"},
        "Can't parse entities: Character '.' is reserved and must be escaped with the preceding "
        "'\\'",
    ),
    "MarkdownV2 that is not closed": (
        {"text": "ü *a", "parse_mode": "MarkdownV2"},
        "Can't parse entities: Can't find end of Bold entity at byte offset 3",
    ),
    "Markdown that is not closed": (
        {"text": "a_b", "parse_mode": "Markdown"},
        "Can't parse entities: Can't find end of the entity starting at byte offset 1",
    ),
    "a reply to nothing": (
        {"text": "a", "reply_parameters": ReplyParameters(77)},
        "Message to be replied not found",
    ),
    "a topic that is not there": (
        {"text": "a", "message_thread_id": 77},
        "Message thread not found",
    ),
}


@pytest.mark.parametrize("case", TEXTS)
async def test_a_text_that_telegram_refuses_is_refused_and_not_shown(
    telegram: FakeTelegram, bot: Bot, case: str
) -> None:
    how, words = TEXTS[case]
    await refused(bot.send_message(ADA, **how), words)
    assert telegram.messages(ADA) == []
    assert telegram.calls[-1].refusal.lower() == f"bad request: {words}".lower()


async def test_a_text_of_no_character_is_empty(telegram: FakeTelegram, bot: Bot) -> None:
    await refused(bot.send_message(ADA, ""), "Message text is empty")


def said(telegram: FakeTelegram) -> list[tuple[str, int, int]]:
    (message,) = telegram.messages(ADA)
    return [(one["type"], one["offset"], one["length"]) for one in message.entities]


LEFT_OUT: dict[str, tuple[list[MessageEntity], list[tuple[str, int, int]], int]] = {
    "styles nest": (
        [entity("bold", 0, 10), entity("italic", 2, 3)],
        [("bold", 0, 10), ("italic", 2, 3)],
        0,
    ),
    "a style in code": ([entity("pre", 0, 10), entity("bold", 2, 3)], [("pre", 0, 10)], 1),
    "a style around code": (
        [entity("bold", 0, 10), entity("code", 2, 3)],
        [("bold", 0, 2), ("code", 2, 3), ("bold", 5, 5)],
        1,
    ),
    "a link in code": (
        [entity("code", 0, 10), entity("text_link", 2, 3, url="https://a.org")],
        [("code", 0, 10)],
        1,
    ),
    "code that overlaps code": ([entity("code", 0, 5), entity("pre", 3, 5)], [("code", 0, 5)], 1),
    "code in a quote": (
        [entity("blockquote", 0, 10), entity("code", 2, 3)],
        [("blockquote", 0, 10), ("code", 2, 3)],
        0,
    ),
    "code across a quote's end": (
        [entity("blockquote", 0, 5), entity("code", 3, 5)],
        [("blockquote", 0, 5)],
        1,
    ),
    "a quote in a quote": (
        [entity("blockquote", 0, 10), entity("blockquote", 2, 3)],
        [("blockquote", 0, 10)],
        1,
    ),
    "an empty one": ([entity("bold", 3, 0)], [], 0),
}


@pytest.mark.parametrize("case", LEFT_OUT)
async def test_entities_that_may_not_stand_together_are_left_out_silently(
    telegram: FakeTelegram, bot: Bot, case: str
) -> None:
    given, kept, lost = LEFT_OUT[case]
    await bot.send_message(ADA, "0123456789", entities=given)
    assert said(telegram) == kept
    assert len(telegram.messages(ADA)[0].versions[-1].lost) == lost


async def test_entities_beyond_a_hundred_are_left_out(telegram: FakeTelegram, bot: Bot) -> None:
    await bot.send_message(ADA, "ab" * 101, entities=[entity("bold", 2 * n, 1) for n in range(101)])
    (message,) = telegram.messages(ADA)
    assert (len(message.entities), len(message.versions[-1].lost)) == (100, 1)


async def test_the_text_is_cleaned_and_its_entities_move_along(
    telegram: FakeTelegram, bot: Bot
) -> None:
    await bot.send_message(
        ADA, " \n\ta\r\n\u202eb😀 \x07c\n ", entities=[entity("bold", 7, 3), entity("code", 3, 1)]
    )
    (message,) = telegram.messages(ADA)
    assert message.text == "a\nb😀  c"
    assert said(telegram) == [("code", 0, 1), ("bold", 2, 3)]


async def test_telegram_finds_links_and_mentions_in_a_bots_text_itself(
    telegram: FakeTelegram, bot: Bot
) -> None:
    text = "https://a.org and @somebody, not @code"
    sent = await bot.send_message(ADA, text, entities=[entity("code", 33, 5), entity("bold", 0, 4)])
    assert [(one.type, sent.parse_entity(one)) for one in sent.entities] == [
        ("url", "https://a.org"),
        ("bold", "http"),
        ("mention", "@somebody"),
        ("code", "@code"),
    ]
    assert said(telegram) == [("bold", 0, 4), ("code", 33, 5)]


PARSED: dict[str, tuple[str, str, str, list[tuple[str, int, int]]]] = {
    "HTML": (
        "HTML",
        "<b>ü&lt;</b> <pre><code class='language-py'>x</code></pre> <a href=\"https://a.org\">l</a>",
        "ü< x l",
        [("bold", 0, 2), ("pre", 3, 1), ("text_link", 5, 1)],
    ),
    "MarkdownV2": (
        "MarkdownV2",
        "*ü_x_*\\. ```py\nx.y```[l](https://a.org)",
        "üx. x.yl",
        [("bold", 0, 2), ("italic", 1, 1), ("pre", 4, 3), ("text_link", 7, 1)],
    ),
    "Markdown": ("Markdown", "*a* `b.c`", "a b.c", [("bold", 0, 1), ("code", 2, 3)]),
}


@pytest.mark.parametrize("mode", PARSED)
async def test_a_parse_mode_makes_entities(telegram: FakeTelegram, bot: Bot, mode: str) -> None:
    name, source, text, entities = PARSED[mode]
    await bot.send_message(ADA, source, parse_mode=name)
    (message,) = telegram.messages(ADA)
    assert (message.text, said(telegram)) == (text, entities)
