"""Telegram updates to values: who is addressed, what is said, and nothing raises."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assistant.messages import (
    ButtonPressed,
    ChatRef,
    Command,
    CommandName,
    Edited,
    Ignored,
    Incoming,
    IncomingMessage,
    Moved,
    Notice,
    Presence,
)
from bots.telegram.addressing import BotIdentity
from bots.telegram.parse import kinds_of, parse

BOT = BotIdentity(id=99, username="HelperBot", reads_all=True)
PRIVACY = BotIdentity(id=99, username="HelperBot")  # its groups' other talk doesn't reach it
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


def parsed(kind: str, body: object, bot: BotIdentity = BOT) -> Incoming:
    return parse({"update_id": 11, kind: body}, account="default", bot=bot)


def without_text(**more: Any) -> dict[str, Any]:
    return {key: value for key, value in message(**more).items() if key != "text"}


def mentioning(chat: dict[str, Any] = GROUP, **more: Any) -> dict[str, Any]:
    text = "@HelperBot hi"
    return message(text, chat, entities=[entity(text, "@HelperBot", "mention")], **more)


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


@pytest.mark.parametrize("name", get_args(CommandName))
def test_commands_are_orders_in_private_and_with_our_name_in_groups(name: CommandName) -> None:
    private = message(f"/{name}", entities=[entity(f"/{name}", f"/{name}", "bot_command")])
    assert parsed("message", private) == Command(DIRECT, name, "7", "Ada L", "5")
    text = f"/{name}@helperbot now 😀"
    group = message(text, GROUP, entities=[entity(text, text.split()[0], "bot_command")])
    assert parsed("message", group) == Command(TEAM, name, "7", "Ada L", "5", "now 😀")


def test_a_command_without_a_name_is_ours_where_telegram_gives_us_only_what_is_meant_for_us() -> (
    None
):
    known = message("/stop", GROUP, entities=[entity("/stop", "/stop", "bot_command")])
    assert parsed("message", known, PRIVACY) == Command(TEAM, "stop", "7", "Ada L", "5")
    assert parsed("message", known) == Ignored("not_addressed")
    other = message("/roll", GROUP, entities=[entity("/roll", "/roll", "bot_command")])
    assert parsed("message", other, PRIVACY) == Ignored("not_addressed")


def test_an_order_names_the_message_that_it_answers() -> None:
    text = "/forget"
    body = message(text, entities=[entity(text, text, "bot_command")])
    got = parsed("message", {**body, "reply_to_message": {"message_id": 3}})
    assert isinstance(got, Command)
    assert got.about == "3"
    topic = {"message_id": 3, "forum_topic_created": {"name": "T"}}
    got = parsed("message", {**body, "reply_to_message": topic})
    assert isinstance(got, Command)
    assert got.about == ""


def test_a_mention_in_a_caption_addresses_us() -> None:
    caption = "@HelperBot what is this?"
    body = without_text(chat=GROUP, caption=caption, photo=[{}])
    assert parsed("message", body) == Ignored("not_addressed")
    named = [entity(caption, "@HelperBot", "mention")]
    assert parsed("message", {**body, "caption_entities": named}) != Ignored("not_addressed")


def test_a_command_for_another_bot_is_not_ours() -> None:
    text = "/stop@OtherBot"
    body = message(text, GROUP, entities=[entity(text, text, "bot_command")])
    assert parsed("message", body) == Ignored("not_addressed")
    assert not isinstance(parsed("message", {**body, "chat": PRIVATE}), Command)


def test_a_command_for_another_bot_that_answers_us_is_not_ours_either() -> None:
    ours = {"message_id": 4, "from": {"id": 99}, "text": "Hello"}
    text = "/translate@OtherBot"
    for more in ("", " @HelperBot"):
        entities = [entity(text, text, "bot_command")]
        if more:
            entities.append(entity(text + more, "@HelperBot", "mention"))
        body = message(text + more, GROUP, entities=entities, reply_to_message=ours)
        got = parsed("message", body)
        assert isinstance(got, IncomingMessage) if more else got == Ignored("not_addressed")


def test_an_order_in_a_caption_is_given_in_full() -> None:
    text = "/persona brief"
    body = without_text(caption=text, caption_entities=[entity(text, "/persona", "bot_command")])
    assert parsed("message", body) == Command(DIRECT, "persona", "7", "Ada L", "5", "brief")


def test_an_unknown_command_is_what_the_person_said() -> None:
    body = message("/etc", entities=[entity("/etc", "/etc", "bot_command")])
    assert isinstance(parsed("message", body), IncomingMessage)


def test_a_topic_is_a_thread_and_a_chain_of_replies_is_not() -> None:
    topic = parsed("message", message(message_thread_id=3, is_topic_message=True))
    chain = parsed("message", message(message_thread_id=3))
    assert isinstance(topic, IncomingMessage)
    assert isinstance(chain, IncomingMessage)
    assert (topic.chat.thread_id, chain.chat.thread_id) == ("3", "")


def test_the_general_topic_is_the_group_itself() -> None:
    general = parsed("message", message(message_thread_id=1, is_topic_message=True))
    assert isinstance(general, IncomingMessage)
    assert general.chat.thread_id == ""


def test_what_opens_a_topic_of_ours_is_no_answer_to_us() -> None:
    opened = {"message_id": 3, "from": {"id": 99}, "forum_topic_created": {"name": "T"}}
    in_topic = message("hi", GROUP, message_thread_id=3, is_topic_message=True)
    assert parsed("message", {**in_topic, "reply_to_message": opened}) == Ignored("not_addressed")
    ours = {"message_id": 4, "from": {"id": 99}, "text": "Hello"}
    assert isinstance(parsed("message", {**in_topic, "reply_to_message": ours}), IncomingMessage)


def test_an_edit_carries_the_new_text() -> None:
    text = "@HelperBot better"
    body = message(text, GROUP, entities=[entity(text, "@HelperBot", "mention")])
    asked = IncomingMessage(TEAM, "11", "5", "7", "Ada L", "better")
    assert parsed("edited_message", body) == Edited(TEAM, "11", "5", "7", "better", asked)
    without = message("better", GROUP)
    assert parsed("edited_message", without) == Edited(TEAM, "11", "5", "7", "better")


def test_an_order_whose_words_were_mended_is_an_order() -> None:
    marks = [entity("/persona", "/persona", "bot_command")]
    mended = message("/persona brief", entities=marks, edit_date=60)
    order = Command(DIRECT, "persona", "7", "Ada L", "5", "brief")
    assert parsed("edited_message", mended) == order
    of_any_bot = {**mended, "chat": GROUP}
    assert not isinstance(parsed("edited_message", of_any_bot), Command)
    assert isinstance(parsed("edited_message", of_any_bot, PRIVACY), Command)


@pytest.mark.parametrize("edit_date", [None, 86_400])
def test_an_order_is_not_given_again_when_telegram_speaks_of_it_later(
    edit_date: int | None,
) -> None:
    """It does where something changes that we don't see; and "/forget all" was meant then."""
    marks = [entity("/forget all", "/forget", "bot_command")]
    order = message("/forget all", entities=marks, edit_date=edit_date)
    assert isinstance(parsed("message", order), Command)
    assert parsed("edited_message", order) == Ignored("old_order")


def test_a_name_is_one_line_and_no_longer_than_telegrams() -> None:
    odd = {**PERSON, "first_name": "Ada:\n\nBob\tsaid", "last_name": "x" * 500}
    got = parsed("message", {**message(), "from": odd})
    assert isinstance(got, IncomingMessage)
    assert got.sender_name == ("Ada: Bob said " + "x" * 500)[:129]


def test_a_place_that_moves_is_asked_about_once() -> None:
    place = {"latitude": 52.5, "longitude": 13.4, "live_period": 900}
    assert isinstance(parsed("message", without_text(location=place)), IncomingMessage)
    moved = without_text(location={**place, "longitude": 13.5}, edit_date=2)
    assert parsed("edited_message", moved) == Ignored("moving_place")


def test_the_stop_button_names_its_turn_its_chat_and_its_message() -> None:
    query = {"id": "q", "from": PERSON, "data": "stop:42", "message": message(chat=GROUP)}
    pressed = ButtonPressed(TEAM, "stop", 42, "7", "5", event_id="11", sender_name="Ada L")
    assert parsed("callback_query", query) == pressed
    gone = {"chat": GROUP, "message_id": 5, "date": 0}  # an InaccessibleMessage
    assert parsed("callback_query", {**query, "message": gone}) == pressed
    nameless = {**gone, "message_id": "5"}
    assert parsed("callback_query", {**query, "message": nameless}) == Ignored("unknown_button")
    for data in ("stop:", "stop:-1", "stop:x", "stop:²", "other:1", "stop:" + "9" * 40):
        assert parsed("callback_query", {**query, "data": data}) == Ignored("unknown_button")


def test_another_bot_that_speaks_to_us_is_known_for_one_and_gives_no_orders() -> None:
    robot = {"id": 8, "is_bot": True, "first_name": "B"}
    got = parsed("message", {**mentioning(), "from": robot})
    assert got == IncomingMessage(TEAM, "11", "5", "8", "B", "hi", from_bot=True)
    assert parsed("message", {**message(chat=GROUP), "from": robot}) == Ignored("not_addressed")
    order = message("/stop", entities=[entity("/stop", "/stop", "bot_command")])
    got = parsed("message", {**order, "from": robot})
    assert isinstance(got, IncomingMessage)
    for body in (without_text(photo=[{}]), {**mentioning(), "text": "@HelperBot"}):
        assert isinstance(parsed("message", {**body, "from": robot}), Ignored)
    assert isinstance(parsed("edited_message", {**mentioning(), "from": robot}), Ignored)


def test_our_own_messages_are_nothing_also_those_that_people_post_by_us() -> None:
    us = {"id": 99, "is_bot": True, "first_name": "Helper"}
    for body in ({**mentioning(), "from": us}, message(via_bot=us)):
        assert parsed("message", body) == Ignored("own_message")
        assert isinstance(parsed("edited_message", body), Ignored)


def test_a_channels_post_in_its_discussion_group_is_answered_only_where_it_names_us() -> None:
    news = {"id": -5, "type": "channel", "title": "News"}
    telegram = {"id": 777000, "is_bot": False, "first_name": "Telegram"}
    forwarded = {"is_automatic_forward": True, "sender_chat": news, "from": telegram}
    got = parsed("message", {**mentioning(), **forwarded})
    assert got == IncomingMessage(TEAM, "11", "5", "-5", "News", "hi")
    for quiet in (
        message(chat=GROUP, **forwarded),
        message(chat=GROUP, reply_to_message={"from": {"id": 99}}, **forwarded),
    ):
        assert parsed("message", quiet) == Ignored("not_addressed")


def test_a_comment_below_a_channels_post_is_talk_like_any_other() -> None:
    post = {"message_id": 2, "is_automatic_forward": True, "sender_chat": {"id": -5}}
    comment = {"reply_to_message": post, "message_thread_id": 2}
    got = parsed("message", {**mentioning(), **comment})
    assert got == IncomingMessage(TEAM, "11", "5", "7", "Ada L", "hi")
    assert parsed("message", message(chat=GROUP, **comment)) == Ignored("not_addressed")


def test_who_writes_in_a_channels_name_is_that_channel() -> None:
    behind = {"id": -5, "type": "channel", "title": "Ada's channel"}
    puppet = {"id": 136817688, "is_bot": True, "first_name": "Channel"}
    got = parsed("message", {**mentioning(), "from": puppet, "sender_chat": behind})
    assert got == IncomingMessage(TEAM, "11", "5", "-5", "Ada's channel", "hi")


def test_a_channels_own_posts_are_nothing() -> None:
    channel = {"id": -5, "type": "channel", "title": "News"}
    assert parsed("channel_post", mentioning(channel)) == Ignored("unknown_kind")
    assert parsed("message", mentioning(channel)) == Ignored("malformed")


def test_a_group_that_becomes_a_supergroup_moves_whichever_chat_says_so() -> None:
    old = {"id": -40, "type": "group", "title": "Team"}
    before = ChatRef("telegram", "default", "-40", kind="group")
    in_the_old = without_text(chat=old, migrate_to_chat_id=-100)
    in_the_new = without_text(chat=GROUP, migrate_from_chat_id=-40)
    for body in (in_the_old, in_the_new):
        assert parsed("message", body) == Moved(before, "-100")


@pytest.mark.parametrize(
    ("status", "present"),
    [("member", True), ("administrator", True), ("left", False), ("kicked", False)],
)
def test_being_let_in_and_put_out_is_noticed(status: str, present: bool) -> None:
    change = {"chat": PRIVATE, "from": PERSON, "new_chat_member": {"status": status}}
    assert parsed("my_chat_member", change) == Presence(DIRECT, present, "7")
    restricted = {"status": "restricted", "is_member": present}
    assert parsed("my_chat_member", {**change, "new_chat_member": restricted}) == Presence(
        DIRECT, present, "7"
    )
    odd = {**change, "new_chat_member": {"status": "odd"}}
    assert parsed("my_chat_member", odd) == Ignored("malformed")


def test_a_guests_question_has_a_chat_of_its_own_whatever_chat_it_stands_in() -> None:
    asked = mentioning(guest_query_id="55")
    chat = ChatRef("telegram", "default", "guest:55", kind="group")
    assert parsed("guest_message", asked) == IncomingMessage(chat, "11", "5", "7", "Ada L", "hi")
    assert parsed("guest_message", mentioning()) == Ignored("malformed")
    assert parsed("guest_message", {**asked, "from": {"id": 99, "is_bot": True}}) == Ignored(
        "malformed"
    )


def test_a_chosen_result_asks_what_was_typed_and_is_the_message_to_edit() -> None:
    chosen = {"result_id": "ask", "from": PERSON, "query": " why ", "inline_message_id": "AB"}
    chat = ChatRef("telegram", "default", "inline:AB", kind="group")
    got = parsed("chosen_inline_result", chosen)
    assert got == IncomingMessage(chat, "11", "AB", "7", "Ada L", "why")
    for lacking in ({"inline_message_id": ""}, {"query": "  "}, {"from": {}}):
        assert parsed("chosen_inline_result", {**chosen, **lacking}) == Ignored("malformed")


def test_a_button_elsewhere_names_the_message_and_a_guests_question() -> None:
    query = {"id": "q", "from": PERSON, "inline_message_id": "AB", "data": "stop:42"}
    inline = parsed("callback_query", query)
    guest = parsed("callback_query", {**query, "data": "stop:42:55"})
    assert isinstance(inline, ButtonPressed)
    assert isinstance(guest, ButtonPressed)
    assert (inline.chat.chat_id, inline.turn_id, inline.message_id) == ("inline:AB", 42, "AB")
    assert (guest.chat.chat_id, guest.turn_id, guest.message_id) == ("guest:55", 42, "AB")
    assert parsed("callback_query", {**query, "data": "wait"}) == Ignored("unknown_button")


def test_only_what_is_understood_and_turned_on_is_asked_for() -> None:
    always = ("message", "edited_message", "callback_query", "my_chat_member")
    assert kinds_of(inline=False, guest=False) == always
    both = kinds_of(inline=True, guest=True)
    assert both == (*always, "inline_query", "chosen_inline_result", "guest_message")


def test_the_language_of_the_persons_program_comes_along() -> None:
    person = {**PERSON, "language_code": "pt-br"}
    for got in (
        parsed("message", {**message(), "from": person}),
        parsed("message", {**without_text(photo=[{}]), "from": person}),
        parsed("callback_query", {"data": "stop:1", "message": message(), "from": person}),
    ):
        assert isinstance(got, IncomingMessage | Notice | ButtonPressed)
        assert got.language == "pt-br"


def test_an_anonymous_admin_speaks_in_the_groups_name() -> None:
    anonymous = {"id": 1087968824, "is_bot": True, "first_name": "Group"}
    got = parsed("message", {**mentioning(), "from": anonymous, "sender_chat": GROUP})
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
    | {"caption", "caption_entities", "photo", "migrate_to_chat_id", "is_automatic_forward"}
    | {"guest_message", "guest_query_id", "chosen_inline_result", "inline_message_id", "query"}
    | {"my_chat_member", "new_chat_member", "status", "language_code", "via_bot"}
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
