"""Telegram updates to values: who is addressed, what is said, and nothing raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assistant.messages import (
    ButtonPressed,
    ChatRef,
    Command,
    Edited,
    Ignored,
    Incoming,
    IncomingMessage,
    Notice,
)
from bots.telegram.addressing import BotIdentity
from bots.telegram.parse import parse

BOT = BotIdentity(id=99, username="HelperBot")
PERSON = {"id": 7, "is_bot": False, "first_name": "Ada", "last_name": "L"}
PRIVATE = {"id": 7, "type": "private"}
GROUP = {"id": -100, "type": "supergroup", "title": "Team"}
DIRECT = ChatRef("telegram", "default", "7")
TEAM = ChatRef("telegram", "default", "-100", kind="group")


def message(text: str = "hi", chat: dict[str, Any] = PRIVATE, **more: Any) -> dict[str, Any]:
    base = {"message_id": 5, "from": PERSON, "chat": chat, "date": 1, "text": text}
    return {**base, **more}


def entity(text: str, part: str, kind: str, **more: Any) -> dict[str, Any]:
    """An entity over `part` of `text`, in UTF-16 units."""

    def size(value: str) -> int:
        return len(value.encode("utf-16-le")) // 2

    return {"type": kind, "offset": size(text[: text.index(part)]), "length": size(part), **more}


def parsed(kind: str, body: object) -> Incoming:
    return parse({"update_id": 11, kind: body}, account="default", bot=BOT)


def test_every_text_in_a_private_chat_is_addressed() -> None:
    assert parsed("message", message(" hello ")) == IncomingMessage(
        DIRECT, "11", "5", "7", "Ada L", "hello"
    )


@pytest.mark.parametrize(
    ("text", "name", "question"),
    [
        ("@helperbot how are you?", "@helperbot", "how are you?"),
        ("😀😀 hey @HelperBot what", "@HelperBot", "😀😀 hey what"),
        ("what\n@HelperBot", "@HelperBot", "what"),
    ],
)
def test_a_mention_in_a_group_addresses_us_and_is_taken_out(
    text: str, name: str, question: str
) -> None:
    body = message(text, GROUP, entities=[entity(text, name, "mention")])
    assert parsed("message", body) == IncomingMessage(TEAM, "11", "5", "7", "Ada L", question)


def test_a_mention_without_a_username_counts_by_its_user() -> None:
    text = "Helper, hi"
    ours = message(text, GROUP, entities=[entity(text, "Helper", "text_mention", user={"id": 99})])
    other = message(text, GROUP, entities=[entity(text, "Helper", "text_mention", user={"id": 1})])
    assert isinstance(parsed("message", ours), IncomingMessage)
    assert parsed("message", other) == Ignored("not_addressed")


def test_a_reply_to_our_message_in_a_group_is_addressed() -> None:
    assert isinstance(
        parsed("message", message("and?", GROUP, reply_to_message={"from": {"id": 99}})),
        IncomingMessage,
    )


@pytest.mark.parametrize("text", ["hi all", "@HelperBot hi", "@HelperBotX hi", "/stop"])
def test_other_talk_in_a_group_is_ignored(text: str) -> None:
    entities = [entity(text, text.split()[0], "bot_command" if text[0] == "/" else "mention")]
    body = message(text, GROUP, entities=entities if "X" in text or text[0] == "/" else [])
    assert parsed("message", body) == Ignored("not_addressed")


@pytest.mark.parametrize("name", ["start", "help", "new", "stop"])
def test_commands_are_orders_in_private_and_with_our_name_in_groups(name: str) -> None:
    private = message(f"/{name}", entities=[entity(f"/{name}", f"/{name}", "bot_command")])
    assert parsed("message", private) == Command(DIRECT, name, "7", "Ada L", "5")  # type: ignore[arg-type]
    text = f"/{name}@helperbot now"
    group = message(text, GROUP, entities=[entity(text, text.split()[0], "bot_command")])
    assert parsed("message", group) == Command(TEAM, name, "7", "Ada L", "5")  # type: ignore[arg-type]


def test_a_command_for_another_bot_is_not_ours() -> None:
    text = "/stop@OtherBot"
    body = message(text, GROUP, entities=[entity(text, text, "bot_command")])
    assert parsed("message", body) == Ignored("not_addressed")
    assert not isinstance(parsed("message", {**body, "chat": PRIVATE}), Command)


def test_an_unknown_command_is_what_the_person_said() -> None:
    body = message("/etc", entities=[entity("/etc", "/etc", "bot_command")])
    assert isinstance(parsed("message", body), IncomingMessage)


def test_a_topic_is_a_thread_and_a_chain_of_replies_is_not() -> None:
    topic = parsed("message", message(message_thread_id=3, is_topic_message=True))
    chain = parsed("message", message(message_thread_id=3))
    assert isinstance(topic, IncomingMessage)
    assert isinstance(chain, IncomingMessage)
    assert (topic.chat.thread_id, chain.chat.thread_id) == ("3", "")


def test_an_edit_carries_the_new_text() -> None:
    text = "@HelperBot better"
    body = message(text, GROUP, entities=[entity(text, "@HelperBot", "mention")])
    assert parsed("edited_message", body) == Edited(TEAM, "11", "5", "7", "better")


def test_the_stop_button_names_its_turn_its_chat_and_its_message() -> None:
    query = {"id": "q", "from": PERSON, "data": "stop:42", "message": message(chat=GROUP)}
    assert parsed("callback_query", query) == ButtonPressed(TEAM, "stop", 42, "7", "5")
    gone = {"chat": GROUP, "message_id": 5, "date": 0}  # an InaccessibleMessage
    assert parsed("callback_query", {**query, "message": gone}) == ButtonPressed(
        TEAM, "stop", 42, "7", "5"
    )
    nameless = {**gone, "message_id": "5"}
    assert parsed("callback_query", {**query, "message": nameless}) == Ignored("unknown_button")
    for data in ("stop:", "stop:-1", "stop:x", "stop:²", "other:1", "stop:" + "9" * 40):
        assert parsed("callback_query", {**query, "data": data}) == Ignored("unknown_button")


def test_other_bots_and_channels_get_no_answer() -> None:
    bot = {"id": 8, "is_bot": True, "first_name": "B"}
    assert isinstance(parsed("message", {**message(), "from": bot}), Ignored)
    assert isinstance(parsed("channel_post", message()), Ignored)
    linked = {"id": -5, "type": "channel", "title": "News"}
    assert isinstance(parsed("message", message(sender_chat=linked)), Ignored)


def test_an_anonymous_admin_speaks_in_the_groups_name() -> None:
    anonymous = {"id": 1087968824, "is_bot": True, "first_name": "Group"}
    text = "@HelperBot hi"
    body = message(text, GROUP, entities=[entity(text, "@HelperBot", "mention")])
    got = parsed("message", {**body, "from": anonymous, "sender_chat": GROUP})
    assert got == IncomingMessage(TEAM, "11", "5", "-100", "Team", "hi")


@pytest.mark.parametrize("kind", ["photo", "voice", "sticker", "document", "location"])
def test_what_is_not_text_is_answered_with_a_sentence(kind: str) -> None:
    body = {key: value for key, value in message().items() if key != "text"}
    got = parsed("message", {**body, kind: {"file_id": "x"}})
    assert isinstance(got, Notice)
    assert (got.chat, got.reply_to) == (DIRECT, "5")
    in_group = {**body, "chat": GROUP, kind: {}}
    assert parsed("message", in_group) == Ignored("not_addressed")


def test_a_service_message_is_ignored() -> None:
    body = {key: value for key, value in message().items() if key != "text"}
    assert parsed("message", {**body, "pinned_message": {}}) == Ignored("service_message")


def test_only_our_name_and_nothing_else_is_answered_with_a_question() -> None:
    body = message("@HelperBot", GROUP, entities=[entity("@HelperBot", "@HelperBot", "mention")])
    assert isinstance(parsed("message", body), Notice)


def test_text_that_no_database_takes_is_made_clean() -> None:
    got = parsed("message", message(json.loads('"a\\u0000b\\ud83d"')))
    assert isinstance(got, IncomingMessage)
    assert got.text == "a\ufffdb\ufffd"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NAMES = sorted(
    {"message", "edited_message", "callback_query", "update_id", "message_id", "from", "chat"}
    | {"id", "type", "text", "entities", "offset", "length", "user", "is_bot", "first_name"}
    | {"data", "message_thread_id", "is_topic_message", "reply_to_message", "sender_chat"}
    | {"caption", "caption_entities", "photo"}
)
LIKELY = st.recursive(
    JSON | st.sampled_from(["private", "supergroup", "mention", "bot_command", "@HelperBot", 99]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=8)
    ),
    max_leaves=25,
)


@given(JSON | LIKELY)
@example({"update_id": 1, "message": {"chat": 5}})
def test_arbitrary_json_never_raises(update: object) -> None:
    parse(update, account="default", bot=BOT)


@given(st.sampled_from(NAMES), JSON)
def test_one_field_of_the_wrong_kind_never_raises(name: str, value: object) -> None:
    text = "@HelperBot hi"
    body = message(text, GROUP, entities=[entity(text, "@HelperBot", "mention")])
    parsed("message", {**body, name: value})
    parsed("message", {**body, "entities": [{**body["entities"][0], name: value}]})
    parsed("message", {**body, "chat": {**GROUP, name: value}})
    parsed("message", {**body, "from": {**PERSON, name: value}})
