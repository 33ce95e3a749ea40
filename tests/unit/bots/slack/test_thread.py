"""What of a thread is handed over with the message that calls us into it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.files.attachments import readable
from assistant.messages import Attachment, ChatRef, IncomingMessage
from bots.slack.identity import BotIdentity
from bots.slack.reading.thread import (
    MESSAGE_CHARACTERS,
    MOST_CHARACTERS,
    MOST_MESSAGES,
    quotes,
    told,
)

BOT = BotIdentity("UBOT", "BBOT", "T1")


def said(ts: str, text: str = "hi", **more: Any) -> dict[str, Any]:
    return {"ts": ts, "user": "U1", "text": text, **more}


def kept(*messages: dict[str, Any], since: str = "") -> list[str]:
    return [one["ts"] for one in told(messages, "50.5", since, BOT)]


def test_the_question_itself_and_what_came_after_it_are_left_out() -> None:
    assert kept(said("1.1"), said("50.4"), said("50.5"), said("50.6"), said("x")) == ["1.1", "50.4"]


def test_times_are_compared_as_numbers() -> None:
    assert kept(said("9.1"), said("50.000001"), said("100.1")) == ["9.1", "50.000001"]


@pytest.mark.parametrize(
    "more",
    [
        {"subtype": "channel_join"},
        {"subtype": "tombstone"},
        {"user": "USLACKBOT"},
        {"text": "  "},
    ],
)
def test_what_nobody_said_is_left_out(more: dict[str, Any]) -> None:
    assert kept(said("1.1") | more) == []


def test_files_alone_are_something() -> None:
    assert kept(said("1.1", "", files=[{"id": "F1"}])) == ["1.1"]


def test_our_own_words_count_where_we_know_nothing_of_the_thread_yet() -> None:
    ours = (said("1.1", bot_id="BBOT"), said("2.2", user="UBOT"))
    assert kept(*ours) == ["1.1", "2.2"]
    assert kept(*ours, said("3.3"), since="1.0") == ["3.3"]


def test_what_was_heard_already_is_left_out() -> None:
    assert kept(said("1.1"), said("2.2"), said("3.3"), since="2.2") == ["3.3"]


def test_of_long_messages_as_many_are_kept_as_fit() -> None:
    long = [said(f"{n}.1", "x" * (2 * MESSAGE_CHARACTERS)) for n in range(1, 40)]
    fitting = MOST_CHARACTERS // MESSAGE_CHARACTERS
    assert kept(*long) == ["1.1", *(f"{n}.1" for n in range(40 - fitting, 40))]


@given(st.lists(st.integers(0, 600), max_size=300), st.integers(0, 600))
def test_the_first_and_the_newest_are_kept_once_in_their_order(
    moments: list[int], since: int
) -> None:
    messages = [said(f"{moment}.1", str(moment)) for moment in moments]
    found = [int(one["ts"].split(".")[0]) for one in told(messages, "500.5", f"{since}.0", BOT)]
    expected = [one for one in sorted(set(moments)) if since <= one <= 500]
    assert len(found) <= MOST_MESSAGES
    assert found == (
        expected
        if len(expected) <= MOST_MESSAGES
        else [expected[0], *expected[1 - MOST_MESSAGES :]]
    )


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_whatever_is_said_is_a_quote_that_can_be_stored(texts: list[str]) -> None:
    messages = [said(f"{n}.1", text, user=text) for n, text in enumerate(texts)]
    quoted = quotes(messages, {}, BOT)
    assert all(line.startswith(">") for line in quoted.splitlines())
    thread = Attachment("thread", "", data=quoted.encode())
    chat = ChatRef("slack", "default", "C1", "1.1", "group")
    message = IncomingMessage(chat, "e", "9.9", "U1", "Ada", "When?", attachments=(thread,))
    assert readable(message, 32_000).attachments[0].data == quoted.encode()
