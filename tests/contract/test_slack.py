"""Slack's adapter against a server that acts like slack.com, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from assistant.channel import Look, Placeholder
from assistant.errors import (
    ChannelError,
    ContentRefused,
    CredentialsRefused,
    MessageGone,
    PlatformUnavailable,
    RateLimited,
    RecipientUnreachable,
    SendOutcomeUnknown,
)
from assistant.messages import ChatRef
from assistant.phrases import Phrase
from bots.slack.channel import SEEN, SlackChannel
from bots.slack.client import connect, web_client
from bots.slack.errors import DEFAULT_RETRY_AFTER_SECONDS, BlocksRefused, TokenDead
from bots.slack.inbox import SlackInbox
from bots.slack.settings import SlackSettings
from bots.slack.socket import SlackSocket
from tests.fakes.slack import FakeSlack, Rates, Trouble
from tests.support.listening_slack import IMPATIENT, PATIENT
from tests.support.recording_assistant import RecordingAssistant

DM = ChatRef("slack", "default", "DU1")


@dataclass
class Slack:
    """Everything of one account, on a fake slack.com."""

    fake: FakeSlack
    client: AsyncWebClient
    channel: SlackChannel
    inbox: SlackInbox
    assistant: RecordingAssistant

    def socket(self, app_token: str = FakeSlack.app_token) -> SlackSocket:
        token = SecretStr(app_token)
        return SlackSocket(self.client, token, self.inbox, backoff_seconds=(0.05, 0.1))

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.socket().run())
            try:
                await self.fake.until(lambda: bool(self.fake.courier.sockets.open))
                yield
            finally:
                task.cancel()

    async def post(self, text: str = "", *, final: bool = False) -> str:
        """A placeholder, and the text that it then gets."""
        ts = await self.channel.post(DM, Placeholder(7, "7.0", "1.1"))
        if text:
            await self.channel.edit(DM, ts, Look(text, 7, final=final))
        return ts


def settings(fake: FakeSlack, bot_token: str = FakeSlack.bot_token) -> SlackSettings:
    return SlackSettings(bot_token=SecretStr(bot_token), base_url=fake.url)


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    assistant = RecordingAssistant()
    async with (
        FakeSlack(schedule=PATIENT, rates=Rates(enforced=False)) as fake,
        web_client(settings(fake)) as client,
    ):
        fake.workspace.channel("DU1")
        channel = SlackChannel(client)
        yield Slack(fake, client, channel, SlackInbox(assistant, channel, client), assistant)


# --- writing


async def test_a_reply_is_posted_once_and_then_edited(slack: Slack) -> None:
    ts = await slack.post()
    await slack.channel.edit(DM, ts, Look("The capital", 7, final=False))
    await slack.channel.edit(DM, ts, Look("The capital is **Paris**.", 7, final=True))
    [reply] = slack.fake.replies("DU1")
    assert reply.ts == ts
    assert [version.markdown for version in reply.versions] == [
        "…",
        "The capital",
        "The capital is **Paris**.",
    ]


async def test_the_stop_button_is_there_until_the_reply_is_final(slack: Slack) -> None:
    ts = await slack.post("Hello")
    await slack.channel.edit(DM, ts, Look("Hello!", 7, final=True))
    [reply] = slack.fake.replies("DU1")
    *growing, last = [version.button("stop") for version in reply.versions]
    assert [button and button["value"] for button in growing] == ["7", "7"]
    assert last is None


async def test_a_reply_goes_into_the_thread_of_its_chat(slack: Slack) -> None:
    question = slack.fake.mention("C1", "U1", "hello")
    chat = ChatRef("slack", "default", "C1", question.ts, "group")
    await slack.channel.post(chat, Placeholder(1, "1.0", question.ts))
    await slack.channel.say(chat, "A notice")
    assert [reply.thread_ts for reply in slack.fake.replies("C1")] == [question.ts] * 2


async def test_deleting_takes_the_reply_away(slack: Slack) -> None:
    ts = await slack.post()
    await slack.channel.delete(DM, ts)
    assert slack.fake.replies("DU1") == []
    with pytest.raises(MessageGone):
        await slack.channel.edit(DM, ts, Look("again", 7, final=True))


async def test_deleting_what_is_gone_is_success(slack: Slack) -> None:
    ts = await slack.post()
    for gone in (ts, ts, "1.1"):
        await slack.channel.delete(DM, gone)
    assert slack.fake.replies("DU1") == []


async def test_what_a_workspace_does_not_let_us_delete_says_that_it_was_removed(
    slack: Slack,
) -> None:
    ts = await slack.post("the answer to a question that was deleted")
    slack.fake.workspace.channel("DU1").deletable = False
    await slack.channel.delete(DM, ts, "de")
    [reply] = slack.fake.replies("DU1")
    assert reply.now.markdown == "(entfernt)"
    assert reply.now.button("stop") is None


async def test_what_is_not_ours_is_left_alone(slack: Slack) -> None:
    theirs = slack.fake.dm("U1", "mine")
    await slack.channel.delete(DM, theirs.ts)
    assert slack.fake.messages("DU1") == [theirs]
    assert theirs.now.text == "mine"
    assert not theirs.deleted


async def test_a_message_that_waits_is_marked_as_seen(slack: Slack) -> None:
    question = slack.fake.dm("U1", "and then?")
    for _ in range(2):  # a mark that is there already is success
        await slack.channel.mark_waiting(DM, question.ts)
    assert question.reactions == [SEEN]
    assert slack.fake.replies("DU1") == []


async def test_a_message_that_is_not_there_cant_be_marked(slack: Slack) -> None:
    with pytest.raises(MessageGone):
        await slack.channel.mark_waiting(DM, "1.1")


async def test_nothing_that_the_model_writes_calls_people(slack: Slack) -> None:
    text = "<!channel> <!here|x> <@U2> @everyone <!subteam^S1> `<!everyone>`\n```\n<@U3>\n```"
    await slack.post(text)
    await slack.channel.say(DM, text)
    assert [reply.now.calls for reply in slack.fake.replies("DU1")] == [[], []]


async def test_the_longest_pieces_of_a_long_reply_are_taken(slack: Slack) -> None:
    text = "@here <@U1> 🙂 <!here> & < >\n" * 2_000
    pieces = slack.channel.split(text)
    assert len(pieces) > 1
    for piece in pieces:
        ts = await slack.post(piece)
        await slack.channel.edit(DM, ts, Look(piece, 7, final=True))
    replies = slack.fake.replies("DU1")
    assert len(replies) == len(pieces)
    assert all(len(reply.versions) == 3 for reply in replies)


# --- refusals


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (Trouble("invalid_auth"), TokenDead),
        (Trouble("token_revoked"), TokenDead),
        (Trouble("missing_scope"), CredentialsRefused),
        (Trouble("channel_not_found"), RecipientUnreachable),
        (Trouble("not_in_channel"), RecipientUnreachable),
        (Trouble("is_archived"), RecipientUnreachable),
        (Trouble("msg_too_long"), ContentRefused),
        (Trouble("msg_blocks_too_long"), ContentRefused),
        (Trouble("invalid_blocks"), BlocksRefused),
        (Trouble("service_unavailable", 503), PlatformUnavailable),
        (Trouble(status=503), PlatformUnavailable),
        (Trouble("fatal_error"), SendOutcomeUnknown),
        (Trouble(status=502), SendOutcomeUnknown),
        (Trouble(status=200), SendOutcomeUnknown),  # a page of somebody's proxy
        (Trouble("a_code_of_tomorrow"), ChannelError),
    ],
)
async def test_slacks_refusal_of_a_post_has_its_own_error(
    slack: Slack, trouble: Trouble, error: type[ChannelError]
) -> None:
    slack.fake.trouble("chat.postMessage", trouble)
    with pytest.raises(ChannelError) as caught:
        await slack.post()
    assert type(caught.value) is error
    assert FakeSlack.bot_token not in f"{caught.value!r} {caught.value.__cause__}"


@pytest.mark.parametrize("code", ["msg_too_long", "msg_blocks_too_long", "invalid_blocks"])
async def test_a_text_that_slack_refuses_is_said_so(slack: Slack, code: str) -> None:
    slack.fake.trouble("chat.update", Trouble(code))
    with pytest.raises(ContentRefused):
        await slack.post("a text")


async def test_a_rate_limit_names_the_pause_and_is_not_waited_for(slack: Slack) -> None:
    slack.fake.trouble("chat.update", Trouble("ratelimited", 429, retry_after=37))
    ts = await slack.post()
    with pytest.raises(RateLimited) as caught:
        await slack.channel.edit(DM, ts, Look("more", 7, final=False))
    assert caught.value.retry_after_seconds == 37
    assert len(slack.fake.calls_of("chat.update")) == 1


async def test_a_rate_limit_without_a_pause_still_names_one(slack: Slack) -> None:
    slack.fake.trouble("chat.postMessage", Trouble("ratelimited", 429))
    with pytest.raises(RateLimited) as caught:
        await slack.post()
    assert caught.value.retry_after_seconds == DEFAULT_RETRY_AFTER_SECONDS


async def test_posts_faster_than_slack_allows_are_limited() -> None:
    async with FakeSlack(rates=Rates(post_burst=2)) as fake, web_client(settings(fake)) as client:
        fake.workspace.channel("DU1")
        channel = SlackChannel(client)
        with pytest.raises(RateLimited) as caught:
            for _ in range(3):
                await channel.say(DM, "one after the other")
        assert caught.value.retry_after_seconds >= 1


async def test_a_post_whose_answer_is_lost_has_an_unknown_outcome(slack: Slack) -> None:
    slack.fake.trouble("chat.postMessage", Trouble(then_lose=True))
    with pytest.raises(SendOutcomeUnknown):
        await slack.post()
    assert len(slack.fake.replies("DU1")) == 1


async def test_an_edit_whose_answer_is_lost_may_be_repeated(slack: Slack) -> None:
    ts = await slack.post()
    slack.fake.trouble("chat.update", Trouble(then_lose=True))
    with pytest.raises(PlatformUnavailable):
        await slack.channel.edit(DM, ts, Look("more", 7, final=True))
    await slack.channel.edit(DM, ts, Look("more", 7, final=True))
    assert slack.fake.replies("DU1")[0].now.markdown == "more"


async def test_a_server_that_is_not_there_certainly_took_nothing() -> None:
    async with FakeSlack() as fake:
        gone = settings(fake)
    async with web_client(gone) as client:
        with pytest.raises(PlatformUnavailable):
            await SlackChannel(client).say(DM, "hello")


async def test_what_stands_in_a_netrc_file_is_not_for_slack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "netrc"
    file.write_text("default login ada password hidden-part\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    async with FakeSlack() as fake, web_client(settings(fake)) as client:
        assert (await connect(client)).user_id


async def test_a_wrong_bot_token_is_refused_in_a_sentence_without_it() -> None:
    async with FakeSlack() as fake, web_client(settings(fake, "xoxb-wrong")) as client:
        with pytest.raises(CredentialsRefused) as caught:
            await connect(client)
    assert "xoxb-wrong" not in f"{caught.value!r} {caught.value.__cause__}"


# --- Socket Mode


async def test_a_direct_message_is_accepted_and_acknowledged(slack: Slack) -> None:
    async with slack.listening():
        message = slack.fake.dm("U1", "what is 1 &lt; 2?")
        await slack.fake.deliveries[0].acknowledged.wait()
    [accepted] = slack.assistant.accepted
    assert accepted.text == "what is 1 < 2?"
    assert accepted.arrival.received < accepted.arrival.acknowledged
    assert (accepted.chat, accepted.message_id) == (replace(DM, thread_id=message.ts), message.ts)
    assert slack.fake.deliveries[0].attempts == 1


async def test_the_twins_of_a_mention_have_one_message_id(slack: Slack) -> None:
    async with slack.listening():
        question = slack.fake.mention("C1", "U1", "hello")
        for delivery in slack.fake.deliveries:
            await delivery.acknowledged.wait()
    twins = slack.assistant.deliveries
    assert len(twins) == 2
    assert {(twin.chat.chat_id, twin.chat.thread_id) for twin in twins} == {("C1", question.ts)}
    assert {twin.message_id for twin in twins} == {question.ts}
    assert len({twin.event_id for twin in twins}) == 2
    assert {twin.text for twin in twins} == {"hello"}


async def test_talk_in_a_channel_that_is_not_addressed_to_us_is_not_handed_on(
    slack: Slack,
) -> None:
    async with slack.listening():
        slack.fake.write("C1", "U1", "lunch, anyone?")
        await slack.fake.deliveries[0].acknowledged.wait()
    assert slack.assistant.deliveries == []


async def test_an_envelope_is_acknowledged_only_after_the_message_is_accepted(
    slack: Slack,
) -> None:
    slack.assistant.hold.clear()
    async with slack.listening():
        slack.fake.dm("U1", "hello")
        [delivery] = slack.fake.deliveries
        await slack.fake.until(lambda: delivery.attempts == 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await delivery.acknowledged.wait()
        slack.assistant.hold.set()
        await delivery.acknowledged.wait()
    assert len(slack.assistant.accepted) == 1


async def test_without_storage_slack_sends_the_event_again_until_it_is_stored(
    slack: Slack,
) -> None:
    slack.fake.courier.schedule = IMPATIENT
    slack.assistant.failures_left = 2
    async with slack.listening():
        slack.fake.dm("U1", "hello")
        [delivery] = slack.fake.deliveries
        await delivery.acknowledged.wait()
    assert delivery.attempts >= 3
    assert [message.text for message in slack.assistant.accepted] == ["hello"]


async def test_messages_of_one_chat_are_accepted_in_the_order_they_came(slack: Slack) -> None:
    slack.assistant.hold.clear()
    async with slack.listening():
        for number in range(20):
            slack.fake.dm("U1", str(number))
        await slack.fake.until(lambda: all(d.attempts for d in slack.fake.deliveries))
        slack.assistant.hold.set()
        await slack.fake.until(lambda: len(slack.assistant.accepted) == 20)
    assert [message.text for message in slack.assistant.accepted] == [str(n) for n in range(20)]


async def test_our_own_messages_are_not_answered(slack: Slack) -> None:
    async with slack.listening():
        ts = await slack.post()
        await slack.channel.edit(DM, ts, Look("more", 7, final=True))
        await slack.channel.delete(DM, ts)
        for delivery in slack.fake.courier.deliveries:
            await delivery.acknowledged.wait()
    assert len(slack.fake.courier.deliveries) == 3
    assert slack.assistant.deliveries == []
    assert slack.assistant.edited == []
    assert slack.assistant.erased == []


async def test_an_edit_and_a_deletion_reach_the_assistant(slack: Slack) -> None:
    async with slack.listening():
        message = slack.fake.dm("U1", "frist")
        slack.fake.edit(message, "first")
        slack.fake.delete(message)
        for delivery in slack.fake.deliveries:
            await delivery.acknowledged.wait()
    [edited] = slack.assistant.edited
    chat = replace(DM, thread_id=message.ts)
    assert (edited.chat, edited.message_id, edited.text) == (chat, message.ts, "first")
    assert (edited.event_id, edited.sender_id) == ("Ev00000002", "U1")
    assert slack.assistant.erased == [(chat, message.ts)]


async def test_the_stop_button_stops_the_turn_of_its_own_chat(slack: Slack) -> None:
    async with slack.listening():
        question = slack.fake.mention("C1", "U1", "tell me everything")
        await slack.fake.until(lambda: len(slack.assistant.deliveries) == 2)
        chat = slack.assistant.accepted[0].chat
        await slack.channel.post(chat, Placeholder(1, "1.0", question.ts))
        [reply] = slack.fake.replies("C1")
        await slack.fake.press(reply, "U2").acknowledged.wait()
    assert slack.assistant.pressed == [(1, chat, reply.ts)]


async def test_a_command_is_answered_once_although_it_comes_twice(slack: Slack) -> None:
    async with slack.listening():
        question = slack.fake.mention("C1", "U1", "!new")
        await slack.fake.until(lambda: bool(slack.fake.replies("C1")))
        for delivery in slack.fake.deliveries:
            await delivery.acknowledged.wait()
    [answer] = slack.fake.replies("C1")
    assert (answer.now.text, answer.thread_ts) == ("done: new", question.ts)
    assert slack.assistant.deliveries == []


async def test_a_refused_message_is_answered_with_the_reason_and_acknowledged(
    slack: Slack,
) -> None:
    slack.assistant.refusal = Phrase("refused.allowlist", {"id": "<me>"})
    async with slack.listening():
        slack.fake.dm("U1", "x" * 100_000)
        await slack.fake.deliveries[0].acknowledged.wait()
        await slack.fake.until(lambda: bool(slack.fake.replies("DU1")))
    assert "your id, &lt;me&gt;, to" in slack.fake.replies("DU1")[0].now.text


async def test_a_fault_of_ours_is_said_once_and_does_not_come_again(slack: Slack) -> None:
    slack.assistant.bug = RuntimeError("a bug")
    async with slack.listening():
        slack.fake.dm("U1", "hello")
        [delivery] = slack.fake.deliveries
        await delivery.acknowledged.wait()
        await slack.fake.until(lambda: bool(slack.fake.replies("DU1")))
    assert delivery.attempts == 1
    assert len(slack.fake.replies("DU1")) == 1


@pytest.mark.parametrize("how", ["refresh_requested", "warning", "link_disabled", "broken"])
async def test_a_connection_that_ends_is_opened_again(slack: Slack, how: str) -> None:
    sockets = slack.fake.courier.sockets
    async with slack.listening():
        await (sockets.drop() if how == "broken" else sockets.disconnect(how))
        slack.fake.dm("U1", "still there?")
        await slack.fake.deliveries[0].acknowledged.wait()
    assert sockets.opened == 2
    assert len(slack.assistant.accepted) == 1


async def test_what_is_under_way_at_a_planned_disconnect_is_still_acknowledged(
    slack: Slack,
) -> None:
    slack.assistant.hold.clear()
    async with slack.listening():
        slack.fake.dm("U1", "hello")
        [delivery] = slack.fake.deliveries
        await slack.fake.until(lambda: delivery.attempts == 1)
        await slack.fake.courier.sockets.disconnect("refresh_requested")
        await asyncio.sleep(0.2)  # long enough for a socket that does not wait to be gone
        slack.assistant.hold.set()
        await delivery.acknowledged.wait()
    assert delivery.attempts == 1


async def test_slack_being_away_at_the_start_is_waited_out(slack: Slack) -> None:
    slack.fake.trouble("auth.test", Trouble(status=502), Trouble("ratelimited", 429, 0))
    slack.fake.trouble("apps.connections.open", Trouble("internal_error"))
    async with slack.listening():
        slack.fake.dm("U1", "hello")
        await slack.fake.deliveries[0].acknowledged.wait()
    assert len(slack.assistant.accepted) == 1


@pytest.mark.parametrize("token", ["xapp-wrong", FakeSlack.bot_token])
async def test_a_wrong_app_token_ends_the_socket_with_a_sentence(slack: Slack, token: str) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        async with asyncio.timeout(10):
            await slack.socket(token).run()
    assert token not in f"{caught.value!r} {caught.value.__cause__}"


async def test_a_cancelled_socket_is_closed(slack: Slack) -> None:
    async with slack.listening():
        pass
    await slack.fake.until(lambda: not slack.fake.courier.sockets.open)
