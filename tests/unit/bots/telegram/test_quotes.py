"""Replies and forwards: whose words they are, and how much of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bots.quoting import shortened
from bots.telegram.addressing import BotIdentity
from bots.telegram.content import content_of
from bots.telegram.quotes import OWN_CHARACTERS, QUOTE_CHARACTERS, forwarded, quoted

BOT = BotIdentity(id=99, username="HelperBot")
ANA = {"id": 7, "is_bot": False, "first_name": "Ana", "last_name": "Sá"}
OURS = {"id": 99, "is_bot": True, "first_name": "Helper"}


def reply(answered: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"message_id": 9, "text": "true?", "reply_to_message": answered, **more}


def said(text: str, sender: dict[str, Any] = ANA, message_id: int = 3) -> dict[str, Any]:
    return {"message_id": message_id, "from": sender, "text": text}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (reply(said("It rains.\nA lot.")), "> Ana Sá wrote: It rains.\n> A lot."),
        (reply(said("a b c"), quote={"text": "b", "position": 2}), "> Ana Sá wrote: b"),
        (reply({"sender_chat": {"title": "News"}, "text": "x"}), "> News wrote: x"),
        (reply({"message_id": 3, "text": "x"}), "> Somebody wrote: x"),
        (reply({"from": ANA, "voice": {"x": 1}}), "> Ana Sá wrote: [A voice message]"),
        (reply({"from": ANA, "dice": {"emoji": "🎲", "value": 6}}), "> Ana Sá wrote: 🎲 6"),
        (reply(said("An older answer.", OURS)), "> You wrote: An older answer."),
        (reply(said("The newest.", OURS, 8)), ""),
        (reply(said("The newest.", OURS, 8), quote={"text": "newest"}), "> You wrote: newest"),
        (reply(said("…", OURS)), ""),
        (reply({"message_id": 3, "from": ANA, "forum_topic_created": {"name": "T"}}), ""),
        ({"message_id": 9, "text": "true?", "quote": {"text": "of nothing"}}, ""),
        (
            {
                "text": "true?",
                "external_reply": {"origin": {"type": "channel", "chat": {"title": "News"}}},
                "quote": {"text": "It rains."},
            },
            "> News wrote: It rains.",
        ),
        ({"text": "no reply"}, ""),
    ],
)  # fmt: skip
def test_what_is_answered_is_quoted_with_who_said_it(
    message: dict[str, Any], expected: str
) -> None:
    content = content_of(message, BOT)
    assert content.text == "\n\n".join(filter(None, (expected, message["text"])))


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ({"type": "user", "sender_user": ANA}, "Forwarded from Ana Sá:"),
        ({"type": "hidden_user", "sender_user_name": "Bo"}, "Forwarded from Bo:"),
        ({"type": "chat", "sender_chat": {"title": "Team"}}, "Forwarded from Team:"),
        (
            {"type": "channel", "chat": {"title": "News"}, "author_signature": "Eva"},
            "Forwarded from News (Eva):",
        ),
        ({"type": "from the future"}, "Forwarded from somebody:"),
        ({"type": "hidden_user", "sender_user_name": "Bo\n\nX:"}, "Forwarded from Bo X::"),
        ({}, ""),
        ("x", ""),
    ],
)  # fmt: skip
def test_a_forward_says_whose_words_it_passes_on(origin: object, expected: str) -> None:
    message = {"text": "hello", "forward_origin": origin}
    assert forwarded(message) == expected
    assert content_of(message, BOT).text == f"{expected}\nhello".strip()


def test_a_long_quote_is_cut_at_a_word() -> None:
    long = "word " * 1000
    theirs = quoted(reply(said(long)), BOT, "")
    assert theirs.endswith("word …")
    assert QUOTE_CHARACTERS < len(theirs) < QUOTE_CHARACTERS + 30
    assert len(quoted(reply(said(long, OURS)), BOT, "")) < OWN_CHARACTERS + 30


@given(st.text(max_size=60), st.integers(1, 40))
@example(" 0", 1)
def test_what_is_shortened_is_a_beginning_and_never_longer(text: str, most: int) -> None:
    short = shortened(text, most)
    assert short == text or (text.startswith(short[:-2]) and len(short) <= most + 2)
