"""Orders, threads, buttons and files in Slack, against a server that acts like slack.com."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import get_args

import pytest

from assistant.channel import Look, Placeholder
from assistant.errors import PlatformUnavailable
from assistant.messages import ChatRef, CommandName, Document
from assistant.phrases import Phrase
from bots.slack.agent.shortcut import CALLBACK, QUESTION, WORDS
from tests.fakes.slack import Rates, Trouble
from tests.support.listening_slack import Slack, slack_with

DM = ChatRef("slack", "default", "DU1")


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with slack_with(Rates(enforced=False)) as account:
        yield account


# --- orders


@pytest.mark.parametrize("name", get_args(CommandName))
async def test_every_order_is_taken_in_direct_messages_threads_and_channels(
    slack: Slack, name: CommandName
) -> None:
    async with slack.listening():
        root = slack.fake.dm("U1", f"!{name} 7")
        slack.fake.dm("U1", f"!{name.upper()} 7", thread_ts="1.1")
        slack.fake.mention("C1", "U1", f"!{name} 7", thread_ts="2.2")
        await slack.fake.until(lambda: len(slack.assistant.commands) == 3)
        await slack.taken()
    places = [(one.chat.chat_id, one.chat.thread_id) for one in slack.assistant.commands]
    assert sorted(places) == [("C1", "2.2"), ("DU1", "1.1"), ("DU1", root.ts)]
    assert {(one.name, one.argument) for one in slack.assistant.commands} == {(name, "7")}
    assert slack.assistant.deliveries == []


async def test_the_slash_command_answers_who_gave_it_alone(slack: Slack) -> None:
    async with slack.listening():
        order = slack.fake.command("DU1", "U1", "/outrider", "memory I live in Lisbon &amp; Porto")
        await order.acknowledged.wait()
    [command] = slack.assistant.commands
    assert (command.name, command.argument) == ("memory", "I live in Lisbon & Porto")
    assert (command.chat, command.sender_id) == (DM, "U1")
    assert order.answer == {"response_type": "ephemeral", "text": "done: memory"}
    assert slack.fake.replies("DU1") == []


@pytest.mark.parametrize("text", ["", "what?", "help", "!help", "/help"])
async def test_a_slash_command_that_names_no_order_asks_for_help(slack: Slack, text: str) -> None:
    async with slack.listening():
        order = slack.fake.command("DU1", "U1", "/outrider", text)
        await order.acknowledged.wait()
    assert [one.name for one in slack.assistant.commands] == ["help"]


@pytest.mark.parametrize("channel", ["C1", "DU1"])
@pytest.mark.parametrize("name", ["new", "stop", "retry", "forget", "export", "quiet"])
async def test_a_slash_command_about_a_thread_says_where_to_write_it(
    slack: Slack, name: str, channel: str
) -> None:
    slack.fake.workspace.person("U1", "Ada", locale="de-DE")
    async with slack.listening():
        order = slack.fake.command(channel, "U1", "/outrider", name)
        await order.acknowledged.wait()
    assert slack.assistant.commands == []
    assert f"Schreib !{name} als Nachricht" in order.answer["text"]


async def test_notices_name_orders_as_they_are_typed_in_slack(slack: Slack) -> None:
    text = "/new begins anew, see https://x.example/new or /srv/new. Use /stop."
    await slack.channel.say(DM, text)
    [notice] = slack.fake.replies("DU1")
    assert notice.now.text == "!new begins anew, see https://x.example/new or /srv/new. Use !stop."


# --- threads


async def test_a_thread_that_it_takes_part_in_is_heard_without_a_mention(slack: Slack) -> None:
    async with slack.listening():
        root = slack.fake.mention("C1", "U1", "hello")
        await slack.taken()
        slack.fake.write("C1", "U2", "and why?", thread_ts=root.ts)
        slack.fake.write("C1", "U2", "!stop", thread_ts=root.ts)
        slack.fake.write("C1", "U2", "what do <@U1> think?", thread_ts=root.ts)
        slack.fake.write("C1", "U2", "elsewhere", thread_ts="1.1")
        slack.fake.write("C1", "U2", "lunch?")
        await slack.taken()
    assert [one.text for one in slack.assistant.accepted] == ["hello", "and why?"]
    assert [one.name for one in slack.assistant.commands] == ["stop"]
    assert slack.assistant.accepted[1].chat.thread_id == root.ts


async def test_a_thread_that_was_told_to_be_quiet_needs_a_mention_again(slack: Slack) -> None:
    async with slack.listening():
        root = slack.fake.mention("C1", "U1", "hello")
        await slack.taken()
        slack.assistant.quiet.add(slack.assistant.accepted[0].chat)
        slack.fake.write("C1", "U2", "among ourselves", thread_ts=root.ts)
        slack.fake.mention("C1", "U2", "and you?", thread_ts=root.ts)
        await slack.taken()
    assert [one.text for one in slack.assistant.accepted] == ["hello", "and you?"]


async def test_who_may_not_talk_is_not_refused_what_they_did_not_ask(slack: Slack) -> None:
    async with slack.listening():
        root = slack.fake.mention("C1", "U1", "hello")
        await slack.taken()
        slack.assistant.refusal = Phrase("refused.blocked")
        slack.fake.write("C1", "U2", "and why?", thread_ts=root.ts)
        await slack.taken()
    assert slack.fake.replies("C1") == []


async def test_an_edit_in_a_thread_is_one_where_the_message_is_known(slack: Slack) -> None:
    async with slack.listening():
        asked = slack.fake.mention("C1", "U1", "frist")
        other = slack.fake.write("C1", "U1", "not for you")
        await slack.taken()
        slack.fake.edit(asked, "<@U0BOT> first")
        slack.fake.edit(other, "not for you either")
        slack.fake.edit(other, "<@U0BOT> for you now")
        await slack.taken()
    assert [one.text for one in slack.assistant.edited] == ["first"]
    assert [one.text for one in slack.assistant.accepted] == ["frist", "for you now"]
    assert slack.assistant.accepted[1].message_id == other.ts


async def test_a_deletion_in_a_thread_belongs_to_that_threads_conversation(slack: Slack) -> None:
    async with slack.listening():
        root = slack.fake.mention("C1", "U1", "hello")
        await slack.taken()
        more = slack.fake.write("C1", "U1", "and why?", thread_ts=root.ts)
        await slack.taken()
        slack.fake.delete(more)
        slack.fake.delete(root)
        await slack.taken()
    thread = ChatRef("slack", "default", "C1", root.ts, "group")
    assert slack.assistant.erased == [(thread, more.ts), (thread, root.ts)]


# --- other bots, outsiders


async def test_another_bot_is_answered_where_it_mentions_us_and_gives_no_orders(
    slack: Slack,
) -> None:
    async with slack.listening():
        root = slack.fake.mention("C1", "U1", "hello")
        await slack.taken()
        for text in ("<@U0BOT> build failed", "just saying", "<@U0BOT> !new", "<@U0BOT>"):
            slack.fake.other_bot_says("C1", text, thread_ts=root.ts)
        await slack.taken()
    heard = [(one.text, one.from_bot) for one in slack.assistant.accepted]
    assert heard == [("hello", False), ("build failed", True), ("!new", True)]
    assert slack.assistant.commands == []


async def from_outside(slack: Slack) -> None:
    """A question of somebody from another workspace, in a channel that both share."""
    slack.fake.outsider("U9", channel="C1")
    slack.fake.mention("C1", "U9", "hello")
    await slack.taken()


async def test_an_outsider_is_a_stranger(slack: Slack) -> None:
    async with slack.listening():
        await from_outside(slack)
        await slack.fake.until(lambda: bool(slack.fake.replies("C1")))
    assert slack.assistant.deliveries == []
    [notice] = slack.fake.replies("C1")
    assert notice.now.text.startswith("I answer people of this workspace only.")


async def test_an_outsider_is_answered_where_the_operator_lets_them_in(slack: Slack) -> None:
    async with slack.listening(outsiders=True):
        await from_outside(slack)
    assert [one.text for one in slack.assistant.accepted] == ["hello"]


# --- buttons


async def test_under_a_finished_reply_are_again_and_slacks_own_thumbs(slack: Slack) -> None:
    async with slack.listening():
        slack.fake.dm("U1", "hello")
        await slack.taken()
        reply = await slack.reply(DM)
        for delivery in (
            slack.fake.press(reply, "U1", "retry"),
            slack.fake.press(reply, "U1", "feedback", value="up:1"),
            slack.fake.press(reply, "U1", "feedback", value="down:1"),
        ):
            await delivery.acknowledged.wait()
    presses = [(one.action, one.turn_id, one.message_id) for one in slack.assistant.presses]
    assert presses == [(name, 1, reply.ts) for name in ("retry", "up", "down")]
    assert len({one.event_id for one in slack.assistant.presses} - {""}) == 3


async def test_only_the_last_message_of_a_reply_has_them(slack: Slack) -> None:
    ts = await slack.channel.post(DM, Placeholder(1, "1.0", ""))
    await slack.channel.edit(DM, ts, Look("part one", 1, final=True))
    [part] = slack.fake.replies("DU1")
    assert [block["type"] for block in part.now.blocks] == ["markdown"]


async def test_where_slack_takes_no_feedback_buttons_plain_ones_are_there(slack: Slack) -> None:
    ts = await slack.channel.post(DM, Placeholder(1, "1.0", ""))
    slack.fake.trouble("chat.update", Trouble("invalid_blocks"))
    await slack.channel.edit(DM, ts, Look("Hello!", 1, final=True, last=True))
    await slack.channel.edit(DM, ts, Look("Hello.", 1, final=True, last=True))
    [reply] = slack.fake.replies("DU1")
    assert [bool(reply.now.button(name)) for name in ("retry", "up", "down", "feedback")] == [
        True, True, True, False,
    ]  # fmt: skip
    assert len(slack.fake.calls_of("chat.update")) == 3  # refused once, then known


async def test_what_a_press_is_answered_with_is_seen_by_who_pressed_alone(slack: Slack) -> None:
    slack.assistant.word = Phrase("button.given")
    slack.fake.workspace.person("U2", "Grace", locale="es-ES")
    async with slack.listening():
        question = slack.fake.mention("C1", "U1", "hello")
        await slack.taken()
        chat = ChatRef("slack", "default", "C1", question.ts, "group")
        slack.fake.press(await slack.reply(chat), "U2", "feedback", value="up:1")
        await slack.fake.until(lambda: bool(slack.fake.workspace.ephemerals))
    [whisper] = slack.fake.workspace.ephemerals
    assert (whisper.channel, whisper.user, whisper.thread_ts) == ("C1", "U2", question.ts)
    assert whisper.version.text == "¡Gracias!"


# --- files


async def test_a_document_is_shared_in_its_thread(slack: Slack) -> None:
    chat = ChatRef("slack", "default", "C1", slack.fake.write("C1", "U1", "x").ts, "group")
    document = Document("talk.md", "text/markdown", "# Grüße".encode())
    assert await slack.channel.say_document(chat, document, "<!here> This conversation.")
    [shared] = slack.fake.replies("C1")
    [file] = shared.files
    assert (file.name, file.title, file.content) == ("talk.md", "talk.md", document.content)
    assert shared.thread_ts == chat.thread_id
    assert shared.now.text.endswith("This conversation.")
    assert slack.fake.broadcasts == []


async def test_a_document_that_slack_does_not_take_is_an_error(slack: Slack) -> None:
    slack.fake.trouble("files.getUploadURLExternal", Trouble(status=503))
    with pytest.raises(PlatformUnavailable):
        await slack.channel.say_document(DM, Document("a.md", "text/markdown", b"a"), "")


# --- people


async def test_a_persons_language_and_name_are_asked_once(slack: Slack) -> None:
    slack.fake.workspace.person("U1", "Ada", locale="pt-BR")
    async with slack.listening():
        slack.fake.dm("U1", "hello")
        slack.fake.dm("U1", "!help")
        await slack.taken()
    [message] = slack.assistant.accepted
    assert (message.language, message.sender_name) == ("pt-BR", "Ada")
    assert slack.assistant.commands[0].language == "pt-BR"
    assert len(slack.fake.calls_of("users.info")) == 1


async def test_people_whom_a_message_names_are_called_by_name_both_ways(slack: Slack) -> None:
    slack.fake.workspace.person("U2", "Grace")
    async with slack.listening():
        slack.fake.dm("U1", "who is <@U2>, in <#C1|general>? <https://x.example|Here> & <@U3>")
        await slack.taken()
        answer = "Ask <@U2> in <#C1|general>, `<@U2>`, <https://x.example|here>."
        reply = await slack.reply(DM, answer)
    asked = "who is @Grace, in #general? Here (https://x.example) & @U3"
    assert slack.assistant.accepted[0].text == asked
    shown = reply.now.markdown.replace("\u2060", "")
    assert shown == "Ask @Grace in #general, `<@U2>`, [here](https://x.example)."
    assert reply.now.calls == []


@pytest.mark.parametrize(
    "trouble",
    [Trouble("missing_scope"), Trouble("ratelimited", 429, 30), Trouble(hang_seconds=30.0)],
)
async def test_who_a_person_is_holds_nothing_up(slack: Slack, trouble: Trouble) -> None:
    slack.fake.trouble("users.info", trouble)
    async with slack.listening():
        slack.fake.dm("U1", "hello")
        slack.fake.dm("U1", "are you there?")
        await slack.taken()
    told = {(one.sender_name, one.language) for one in slack.assistant.accepted}
    assert told == {("U1", "")}
    assert [one.attempts for one in slack.fake.deliveries] == [1, 1]
    assert len(slack.fake.calls_of("users.info")) == 1  # nor is it asked again soon


# --- never a broadcast


@pytest.mark.parametrize("call", ["<!channel>", "`@here`", "```\n<!everyone>\n```", "&lt;!here>"])
async def test_no_version_of_a_growing_reply_calls_people(slack: Slack, call: str) -> None:
    ts = await slack.channel.post(DM, Placeholder(1, "1.0", ""))
    text = f"Hey {call} and @channel!"
    for end in range(1, len(text) + 1):
        last = end == len(text)
        await slack.channel.edit(DM, ts, Look(text[:end], 1, final=last, last=last))
    [reply] = slack.fake.replies("DU1")
    assert len(reply.versions) == len(text) + 1
    assert [version.calls for version in reply.versions if version.calls] == []
    assert not any("@channel" in version.markdown for version in reply.versions)


# --- acknowledged in time


async def test_what_is_said_holds_up_no_acknowledgement(slack: Slack) -> None:
    slack.fake.trouble("chat.postMessage", Trouble(hang_seconds=60.0))
    async with slack.listening():
        slack.fake.dm("U1", "!help")
        await slack.taken()
        slack.fake.dm("U1", "hello")
        await slack.taken()
    assert [one.attempts for one in slack.fake.deliveries] == [1, 1]
    assert [one.name for one in slack.assistant.commands] == ["help"]
    assert [one.text for one in slack.assistant.accepted] == ["hello"]


async def test_a_fault_of_ours_before_anything_is_stored_ends_nothing(slack: Slack) -> None:
    slack.assistant.bug = RuntimeError("a bug")
    async with slack.listening():
        slack.fake.write("C1", "U1", "not for you", thread_ts="1.1")
        asked = slack.fake.mention("C1", "U1", "hello")
        slack.fake.edit(asked, "<@U0BOT> hello!")
        await slack.taken()
        slack.assistant.bug = None
        slack.fake.dm("U1", "still there?")
        await slack.taken()
    assert [one.text for one in slack.assistant.accepted] == ["still there?"]
    assert {one.attempts for one in slack.fake.deliveries} == {1}
    assert {one.thread_ts for one in slack.fake.replies("C1")} == {asked.ts}  # an apology


async def test_a_fault_of_ours_in_a_form_or_a_control_ends_nothing(slack: Slack) -> None:
    theirs = slack.fake.write("C1", "U2", "hello")
    async with slack.listening():
        slack.fake.open_home("U1")
        await slack.fake.use_shortcut(theirs, "U1", CALLBACK).acknowledged.wait()
        await slack.fake.until(lambda: bool(slack.fake.workspace.views))
        await slack.fake.until(lambda: bool(slack.fake.workspace.homes))
        slack.assistant.bug = RuntimeError("a bug")
        chosen = {"action_id": "home_forget", "value": "1"}
        await slack.fake.press_in_home("U1", chosen).acknowledged.wait()
        [form] = slack.fake.workspace.views
        sent = slack.fake.submit(form, "U1", {QUESTION: {WORDS: {"value": "why?"}}})
        await sent.acknowledged.wait()
        slack.assistant.bug = None
        slack.fake.dm("U1", "still there?")
        await slack.taken()
    assert "Something went wrong" in sent.answer["errors"][QUESTION]
    assert [one.text for one in slack.assistant.accepted] == ["still there?"]


async def test_an_order_that_is_delivered_again_is_answered_once(slack: Slack) -> None:
    async with slack.listening():
        slack.fake.dm("U1", "!help")
        await slack.taken()
        [delivery] = slack.fake.deliveries
        await slack.fake.courier.deliver("events_api", delivery.body).acknowledged.wait()
        slack.fake.dm("U1", "!about")
        await slack.fake.until(lambda: len(slack.fake.replies("DU1")) == 2)
    assert [one.now.text for one in slack.fake.replies("DU1")] == ["done: help", "done: about"]


async def test_answers_to_orders_come_in_the_order_in_which_these_were_given(
    slack: Slack,
) -> None:
    names = [name for name in get_args(CommandName) if name != "forget"] * 3
    async with slack.listening():
        for name in names:
            slack.fake.dm("U1", f"!{name}")
        await slack.fake.until(lambda: len(slack.fake.replies("DU1")) == len(names))
    told = [one.now.text for one in slack.fake.replies("DU1")]
    assert told == [f"done: {name}" for name in names]


async def test_an_order_is_acknowledged_only_once_it_is_carried_out(slack: Slack) -> None:
    slack.assistant.failures_left = 1
    async with slack.listening():
        slack.fake.dm("U1", "!new")
        await slack.taken()
    assert slack.fake.deliveries[0].attempts == 2
    assert [one.name for one in slack.assistant.commands] == ["new"]
