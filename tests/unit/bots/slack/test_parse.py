"""Slack's payloads to values."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.messages import (
    ButtonPressed,
    ChatRef,
    Command,
    CommandName,
    Deleted,
    Edited,
    Ignored,
    Incoming,
    IncomingMessage,
    Notice,
)
from bots.slack.buttons import parse_press
from bots.slack.envelope import parse_envelope
from bots.slack.identity import BotIdentity
from bots.slack.orders import parse_slash
from bots.slack.reading.parse import NOT_ADDRESSED, Reading, parse_event

BOT = BotIdentity("UBOT", "BBOT", "T1")
READING = Reading(BOT, "default")


def event(**fields: Any) -> dict[str, Any]:
    given = {"type": "message", "user": "U1", "ts": "5.5", "text": "hi", "channel": "D1", **fields}
    return {"type": "event_callback", "event_id": "Ev1", "event": given}


def parsed(**fields: Any) -> Incoming:
    return parse_event(event(**fields), READING)


def private(thread: str = "5.5") -> ChatRef:
    return ChatRef("slack", "default", "D1", thread, "private")


def group(thread: str) -> ChatRef:
    return ChatRef("slack", "default", "C1", thread, "group")


@pytest.mark.parametrize(("thread_ts", "thread"), [(None, "5.5"), ("5.5", "5.5"), ("1.1", "1.1")])
def test_a_direct_message_opens_a_thread_or_goes_on_in_one(
    thread_ts: str | None, thread: str
) -> None:
    message = IncomingMessage(private(thread), "Ev1", "5.5", "U1", "U1", "hi")
    assert parsed(thread_ts=thread_ts) == message


@pytest.mark.parametrize("kind", ["message", "app_mention"])
@pytest.mark.parametrize(("thread_ts", "thread"), [(None, "5.5"), ("1.1", "1.1")])
def test_a_mention_opens_a_thread_or_goes_on_in_one(
    kind: str, thread_ts: str | None, thread: str
) -> None:
    message = parsed(type=kind, channel="C1", text="<@UBOT> hi &amp; bye", thread_ts=thread_ts)
    assert message == IncomingMessage(group(thread), "Ev1", "5.5", "U1", "U1", "hi & bye")


def test_a_channel_message_without_a_mention_is_not_ours() -> None:
    assert parsed(channel="C1") == Ignored("not_addressed")
    assert parsed(channel="C1", text="<@UBOTHER> hi") == Ignored("not_addressed")
    assert parsed(channel="G1", channel_type="mpim") == Ignored("not_addressed")


def test_a_persons_name_is_taken_where_slack_tells_it() -> None:
    message = parsed(user_profile={"display_name": "", "real_name": "Ada &amp; Co"})
    assert isinstance(message, IncomingMessage)
    assert message.sender_name == "Ada & Co"


@pytest.mark.parametrize(
    "fields",
    [
        {"bot_id": "B1"},
        {"user": "UBOT"},
        {"user": "USLACKBOT"},
        {"subtype": "bot_message", "bot_id": "B1"},
        {"subtype": "channel_join"},
        {"subtype": "channel_topic"},
        {"type": "reaction_added"},
        {"text": ""},
        {"text": "  \n "},
        {"user": ""},
        {"ts": None},
        {"channel": None},
    ],
)
def test_what_no_person_said_is_ignored(fields: dict[str, Any]) -> None:
    assert isinstance(parsed(**fields), Ignored)


@pytest.mark.parametrize("subtype", ["thread_broadcast", "file_share", "me_message"])
def test_what_a_person_said_in_a_special_way_is_taken(subtype: str) -> None:
    assert isinstance(parsed(subtype=subtype), IncomingMessage)


@pytest.mark.parametrize("name", get_args(CommandName))
def test_an_exclamation_mark_makes_a_command(name: str) -> None:
    command = parsed(text=f" !{name.upper()} ")
    assert isinstance(command, Command)
    assert (command.name, command.chat, command.message_id) == (name, private(), "5.5")
    assert isinstance(parsed(text=f"!{name}it"), IncomingMessage)
    assert isinstance(parsed(text=f"do !{name}"), IncomingMessage)


def test_a_command_in_a_channel_is_taken_from_one_twin_only() -> None:
    text = "<@UBOT> !new"
    assert isinstance(parsed(type="app_mention", channel="C1", text=text), Command)
    assert parsed(channel="C1", text=text) == Ignored("twin")


def test_a_bare_mention_asks_for_help() -> None:
    command = parsed(type="app_mention", channel="C1", text="<@UBOT>")
    assert isinstance(command, Command)
    assert command.name == "help"
    assert parsed(channel="C1", text="<@UBOT>") == Ignored("twin")


def test_a_file_without_words_gets_a_sentence() -> None:
    notice = parsed(text="", subtype="file_share", files=[{"id": "F1"}])
    assert isinstance(notice, Notice)
    assert (notice.chat, notice.reply_to) == (private(), "5.5")


def changed(before: dict[str, Any], after: dict[str, Any]) -> Incoming:
    was = {"user": "U1", "ts": "5.5", "text": "frist", **before}
    now = {"user": "U1", "ts": "5.5", "text": "first", **after}
    return parsed(subtype="message_changed", ts="9.9", message=now, previous_message=was)


def test_an_edit_names_the_message_that_was_changed() -> None:
    assert changed({}, {}) == Edited(private(), "Ev1", "5.5", "U1", "first")
    assert changed({}, {"thread_ts": "5.5"}) == Edited(private(), "Ev1", "5.5", "U1", "first")


def test_an_edit_in_a_channel_belongs_to_the_thread_of_its_mention() -> None:
    body = event(
        subtype="message_changed",
        channel="C1",
        message={"user": "U1", "ts": "5.5", "text": "<@UBOT> first"},
        previous_message={"user": "U1", "ts": "5.5", "text": "<@UBOT> frist"},
    )
    asked = IncomingMessage(group("5.5"), "Ev1", "5.5", "U1", "U1", "first")
    edited = Edited(group("5.5"), "Ev1", "5.5", "U1", "first", asked)
    assert parse_event(body, READING) == edited


def test_a_preview_or_an_edit_of_a_bot_changes_nothing() -> None:
    assert changed({}, {"text": "frist", "attachments": [{}]}) == Ignored("unchanged")
    assert changed({}, {"bot_id": "BBOT"}) == Ignored("bot")
    assert changed({}, {"user": "UBOT"}) == Ignored("bot")


def test_a_deletion_names_the_message_that_is_gone() -> None:
    gone = {"user": "U1", "ts": "5.5", "text": "hi"}
    fields = {"subtype": "message_deleted", "ts": "9.9", "deleted_ts": "5.5"}
    assert parsed(**fields, previous_message=gone) == Deleted(private(), "5.5")
    assert parsed(**fields, previous_message=gone | {"bot_id": "BBOT"}) == Ignored("bot")


def test_a_deleted_message_that_a_thread_hangs_on_is_a_deletion() -> None:
    stone = {"subtype": "tombstone", "user": "USLACKBOT", "text": "This message was deleted."}
    assert changed({}, stone | {"thread_ts": "5.5"}) == Deleted(private(), "5.5")
    assert changed({"bot_id": "BBOT"}, stone) == Ignored("bot")


def press(**fields: Any) -> Incoming:
    payload = {
        "type": "block_actions",
        "user": {"id": "U1"},
        "channel": {"id": "C1"},
        "message": {"ts": "5.5", "thread_ts": "1.1"},
        "actions": [{"action_id": "stop", "value": "12"}],
    }
    return parse_press(payload | fields, "default", BOT, outsiders=False)


def test_a_press_of_stop_names_the_turn_its_chat_and_its_message() -> None:
    assert press() == ButtonPressed(group("1.1"), "stop", 12, "U1", "5.5", sender_name="U1")
    direct = press(channel={"id": "D1"}, message={"ts": "5.5"})
    assert direct == ButtonPressed(private(), "stop", 12, "U1", "5.5", sender_name="U1")


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "view_submission"},
        {"actions": []},
        {"actions": [{"action_id": "other", "value": "12"}]},
        {"actions": [{"action_id": "stop", "value": "-1"}]},
        {"actions": [{"action_id": "stop", "value": "٣"}]},
        {"actions": [{"action_id": "stop", "value": "9" * 19}]},
        {"channel": None},
        {"user": {}},
        {"message": 7},
    ],
)
def test_any_other_press_is_ignored(fields: dict[str, Any]) -> None:
    assert isinstance(press(**fields), Ignored)


KEYS = st.sampled_from(
    [
        "type",
        "subtype",
        "event",
        "event_id",
        "channel",
        "user",
        "ts",
        "thread_ts",
        "text",
        "files",
        "message",
        "previous_message",
        "deleted_ts",
        "bot_id",
        "user_profile",
        "actions",
        "id",
        "action_id",
        "value",
        "payload",
        "attachments",
        "is_share",
        "is_msg_unfurl",
        "message_blocks",
        "blocks",
        "elements",
        "fields",
        "author_name",
        "mode",
        "mimetype",
        "name",
        "size",
        "url_private",
        "thumb_1024",
        "envelope_id",
        "reason",
    ]
)
WORDS = st.sampled_from(
    [
        "message",
        "app_mention",
        "message_changed",
        "message_deleted",
        "tombstone",
        "D1",
        "C1",
        "U1",
        "UBOT",
        "<@UBOT>",
        "!new",
        "block_actions",
        "rich_text",
        "mrkdwn",
        "image/png",
        "snippet",
        "stop",
        "12",
        "5.5",
        "events_api",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(), inner, max_size=8)
    ),
    max_leaves=40,
)


@given(JSON, st.dictionaries(KEYS, JSON, max_size=12))
def test_arbitrary_json_never_raises(body: object, fields: dict[str, object]) -> None:
    for listening in (False, True):
        reading = Reading(BOT, "default", listening=listening)
        parse_event(body, reading)
        parse_event({"event_id": "Ev1", "event": {"type": "message", **fields}}, reading)
    parse_press(body, "default", BOT, outsiders=False)
    parse_press({"type": "block_actions", **fields}, "default", BOT, outsiders=False)
    parse_slash(body, "default")
    parse_slash({"command": "/outrider", **fields}, "default")


@given(st.text() | st.just("[" * 100_000) | st.just('{"payload": {"event": {"channel": []}}}'))
def test_arbitrary_text_on_the_socket_never_raises(text: str) -> None:
    envelope = parse_envelope(text)
    assert envelope is None or envelope.lane == ""


def test_envelopes_of_one_chat_share_a_lane() -> None:
    said = parse_envelope('{"type": "events_api", "payload": {"event": {"channel": "C1"}}}')
    pressed = parse_envelope('{"type": "interactive", "payload": {"channel": {"id": "C1"}}}')
    assert said is not None
    assert pressed is not None
    assert said.lane == pressed.lane == "C1"


def test_what_is_in_no_chat_keeps_its_order_by_person() -> None:
    body = {"type": "view_submission", "user": {"id": "U1"}, "view": {"id": "V1"}}
    form = parse_envelope(json.dumps({"type": "interactive", "payload": body}))
    assert form is not None
    assert form.lane == "U1"


def test_an_outsiders_edit_is_heard_as_little_as_what_they_wrote() -> None:
    edited = {"user": "U9", "user_team": "T9", "ts": "5.5", "text": "hi there"}
    fields = {"subtype": "message_changed", "message": edited, "previous_message": {"ts": "5.5"}}
    assert parsed(**fields) == Ignored("outsider")
    let_in = parse_event(event(**fields), Reading(BOT, "default", outsiders=True))
    assert isinstance(let_in, Edited)


def test_a_run_of_blanks_costs_its_length_and_not_its_square() -> None:
    blanks = " " * 1_000_000
    assert parsed(channel="C1", text=f"a{blanks}b") == NOT_ADDRESSED
    message = parsed(text=f"a{blanks}<@UBOT>{blanks}b")
    assert isinstance(message, IncomingMessage)
    assert message.text == "a b"
