"""Orders as people type them in Slack."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.messages import ChatRef, Command, Incoming, IncomingMessage
from bots.slack.identity import BotIdentity
from bots.slack.orders import as_typed, linked_message, order_of
from bots.slack.reading.parse import Reading, parse_event

READING = Reading(BotIdentity("UBOT", "BBOT", "T1"), "default")
LINK = "https://team.slack.com/archives/D1/p1700000000123456"


def said(text: str, **fields: Any) -> Incoming:
    event = {"type": "message", "user": "U1", "ts": "5.5", "channel": "D1", "text": text, **fields}
    return parse_event({"event_id": "Ev1", "event": event}, READING)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("!new", ("new", "")),
        ("!Memory  I live\nin Lisbon ", ("memory", "I live\nin Lisbon")),
        ("!important: read this", (None, "")),
        ("!", (None, "")),
        ("! new", (None, "")),
        ("new", (None, "")),
        ("!!new", (None, "")),
    ],
)
def test_an_order_is_a_known_name_behind_an_exclamation_mark(
    text: str, order: tuple[str | None, str]
) -> None:
    assert order_of(text) == order


def test_what_is_no_order_is_a_message() -> None:
    assert isinstance(said("!important: read this"), IncomingMessage)


def test_forget_names_a_message_by_a_link_to_it() -> None:
    command = said(f"!forget <{LINK}>")
    assert isinstance(command, Command)
    assert (command.about, command.argument) == ("1700000000.123456", "")
    assert linked_message(f"{LINK}?thread_ts=1.1&cid=D1") == "1700000000.123456"
    assert linked_message("https://team.slack.com/archives/D1") == ""


def test_forget_in_the_thread_under_a_message_means_that_message() -> None:
    direct = said("!forget", thread_ts="1.1")
    assert isinstance(direct, Command)
    assert (direct.about, direct.chat) == ("1.1", ChatRef("slack", "default", "D1", "1.1"))
    shared = said("<@UBOT> !forget", type="app_mention", channel="C1", thread_ts="1.1")
    assert isinstance(shared, Command)
    thread = ChatRef("slack", "default", "C1", "1.1", "group")
    assert (shared.about, shared.chat) == ("1.1", thread)


def test_forget_with_an_argument_is_about_no_message() -> None:
    command = said("!forget all", thread_ts="1.1")
    assert isinstance(command, Command)
    assert (command.about, command.argument, command.chat.thread_id) == ("", "all", "1.1")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/new – Begin", "!new – Begin"),
        ("Use /stop.\n(/help)", "Use !stop.\n(!help)"),
        ("/memory forget 1, /forget", "!memory forget 1, !forget"),
        (
            "https://x.example/new a/stop /newer /new/er",
            "https://x.example/new a/stop /newer /new/er",
        ),
    ],
)
def test_orders_of_outriders_own_texts_are_shown_as_they_are_typed(text: str, shown: str) -> None:
    assert as_typed(text) == shown
