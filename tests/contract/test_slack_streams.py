"""Replies as Slack's streams, against a server whose streams end, refuse and lose answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from pydantic import SecretStr

from assistant.channel import Look, Placeholder
from assistant.errors import (
    PlatformUnavailable,
    RateLimited,
    SendOutcomeUnknown,
    StoppedByPerson,
)
from assistant.messages import ChatRef
from bots.slack import paces
from bots.slack.channel import SlackChannel
from bots.slack.client import web_client
from bots.slack.settings import SlackSettings
from bots.slack.streams import LIFE_SECONDS
from tests.fakes.slack import FakeSlack, HandClock, Rates, Trouble
from tests.fakes.slack.workspace import Message

APPEND = "chat.appendStream"
TEXT = "One, two, three, four."


@dataclass
class Slack:
    """Two replicas on one workspace: what one begins, the other may have to go on with."""

    fake: FakeSlack
    clock: HandClock
    channel: SlackChannel
    other: SlackChannel
    chat: ChatRef

    async def begin(self, key: str = "7.0") -> str:
        placeholder = Placeholder(7, key, self.chat.thread_id, asker="UADA", stream=True)
        return await self.channel.post(self.chat, placeholder)

    async def edit(self, ts: str, text: str, *, final: bool = False, other: bool = False) -> None:
        channel = self.other if other else self.channel
        await channel.edit(self.chat, ts, Look(text, 7, final=final, last=final))

    @property
    def reply(self) -> Message:
        [reply] = self.fake.replies(self.chat.chat_id)
        return reply

    @property
    def shown(self) -> list[str]:
        return [one.markdown for one in self.reply.versions]

    def calls(self, method: str) -> int:
        return sum(call.method == method for call in self.fake.calls)


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    clock = HandClock()
    async with FakeSlack(clock=clock, rates=Rates(enforced=False)) as fake:
        settings = SlackSettings(bot_token=SecretStr(fake.bot_token), base_url=fake.url)
        async with web_client(settings) as client:
            root = fake.mention("C1", "UADA", "count to four")
            chat = ChatRef("slack", "default", "C1", root.ts, "group")
            channel, other = (SlackChannel(client, clock=clock) for _ in range(2))
            yield Slack(fake, clock, channel, other, chat)


async def test_a_reply_grows_by_what_is_new_and_ends_with_its_buttons(slack: Slack) -> None:
    ts = await slack.begin()
    for text in ("One", "One, two", "One, two, three"):
        await slack.edit(ts, text)
    await slack.edit(ts, TEXT, final=True)
    assert slack.shown == ["One", "One, two", "One, two, three", TEXT]
    appended = [
        call.arguments["markdown_text"]
        for call in slack.fake.calls
        if call.method == "chat.appendStream"
    ]
    assert appended == ["One", ", two", ", three"]
    assert slack.reply.now.button("retry") is not None
    assert slack.reply.metadata is not None
    assert slack.calls("chat.update") == 0
    assert slack.reply.thread_ts == slack.chat.thread_id


async def test_an_edit_that_brings_nothing_new_makes_no_call(slack: Slack) -> None:
    ts = await slack.begin()
    for _ in range(3):
        await slack.edit(ts, "One @he")
    assert slack.shown == ["One "]


async def test_a_text_that_departs_from_what_was_sent_is_written_whole(slack: Slack) -> None:
    ts = await slack.begin()
    await slack.edit(ts, "One, two")
    await slack.edit(ts, "Another answer")
    await slack.edit(ts, "Another answer.", final=True)
    assert slack.shown == ["One, two", "Another answer", "Another answer."]
    assert slack.reply.now.button("retry") is not None


@pytest.mark.parametrize("trouble", [Trouble(then_lose=True), Trouble(status=500)])
async def test_an_append_of_unknown_end_is_never_said_twice(slack: Slack, trouble: Trouble) -> None:
    ts = await slack.begin()
    await slack.edit(ts, "One")
    slack.fake.trouble("chat.appendStream", trouble)
    with pytest.raises(SendOutcomeUnknown):
        await slack.edit(ts, "One, two")
    await slack.edit(ts, "One, two, three")
    await slack.edit(ts, TEXT, final=True)
    assert slack.shown[-2:] == ["One, two, three", TEXT]
    assert slack.calls("chat.update") == 2


@pytest.mark.parametrize("trouble", [Trouble(then_lose=True), Trouble(status=500)])
async def test_an_end_of_unknown_end_stands_once_and_has_its_buttons(
    slack: Slack, trouble: Trouble
) -> None:
    ts = await slack.begin()
    await slack.edit(ts, "One")
    slack.fake.trouble("chat.stopStream", trouble)
    with pytest.raises(SendOutcomeUnknown):
        await slack.edit(ts, TEXT, final=True)
    await slack.edit(ts, TEXT, final=True)
    assert slack.shown[-1] == TEXT
    assert slack.reply.now.button("retry") is not None


async def test_a_refused_append_is_made_again_as_it_is(slack: Slack) -> None:
    ts = await slack.begin()
    slack.fake.trouble("chat.appendStream", Trouble("ratelimited", 429, retry_after=7))
    with pytest.raises(RateLimited) as limited:
        await slack.edit(ts, "One")
    assert limited.value.retry_after_seconds == 7
    await slack.edit(ts, "One, two")
    assert slack.shown == ["One, two"]
    assert slack.calls("chat.update") == 0


async def test_a_stream_is_ended_before_slack_does_and_nothing_of_it_is_lost(slack: Slack) -> None:
    ts = await slack.begin()
    await slack.edit(ts, "One")
    slack.clock.advance(LIFE_SECONDS + 1)
    await slack.edit(ts, "One, two")
    await slack.edit(ts, TEXT, final=True)
    assert slack.shown == ["One", "One, two", TEXT]
    assert [call.error for call in slack.fake.calls if call.error] == []


async def test_a_stream_that_slack_ended_goes_on_as_a_message(slack: Slack) -> None:
    ts = await slack.begin()
    await slack.edit(ts, "One")
    slack.fake.state.stream_seconds = 1.0
    slack.reply.stream.life_seconds = 1.0  # type: ignore[union-attr]
    slack.clock.advance(2.0)
    await slack.edit(ts, "One, two")
    await slack.edit(ts, TEXT, final=True)
    assert slack.shown == ["One", "One, two", TEXT]


async def test_an_append_that_is_cut_short_is_never_said_twice(slack: Slack) -> None:
    ts = await slack.begin()
    await slack.edit(ts, "One")
    slack.fake.trouble("chat.appendStream", Trouble(hang_seconds=30.0, then_lose=True))
    cut = asyncio.create_task(slack.edit(ts, "One, two"))
    await slack.fake.until(lambda: slack.shown[-1] == "One, two" or slack.calls(APPEND) == 2)
    cut.cancel()
    await asyncio.wait({cut})
    await slack.edit(ts, TEXT, final=True)
    assert slack.shown[-1] == TEXT
    assert slack.calls("chat.update") == 1


@pytest.mark.parametrize("code", ["ekm_access_denied", "streaming_mode_mismatch"])
async def test_whatever_a_stream_refuses_is_written_as_a_message(slack: Slack, code: str) -> None:
    ts = await slack.begin()
    await slack.edit(ts, "One")
    slack.fake.trouble("chat.appendStream", Trouble(code))
    await slack.edit(ts, "One, two")
    slack.fake.trouble("chat.stopStream", Trouble(code))
    await slack.edit(ts, TEXT, final=True)
    assert slack.shown[-2:] == ["One, two", TEXT]


async def test_a_takeover_at_the_end_gives_plain_buttons_where_others_are_refused(
    slack: Slack,
) -> None:
    ts = await slack.begin()
    await slack.edit(ts, "One")
    refused = Trouble("streaming_state_conflict"), Trouble("invalid_blocks")
    slack.fake.trouble("chat.update", *refused)
    await slack.edit(ts, TEXT, final=True, other=True)
    assert slack.shown[-1] == TEXT
    assert slack.reply.now.button("up") is not None


async def test_another_replica_goes_on_in_the_same_message(slack: Slack) -> None:
    ts = await slack.begin()
    await slack.edit(ts, "One, two")
    await slack.edit(ts, "One, two, three", other=True)
    await slack.edit(ts, TEXT, final=True, other=True)
    assert slack.shown == ["One, two", "One, two, three", TEXT]
    assert slack.reply.stream is not None
    assert slack.reply.stream.ended == "stopped"


async def test_a_former_replica_that_wakes_up_adds_nothing_to_the_end(slack: Slack) -> None:
    ts = await slack.begin()
    await slack.edit(ts, "One, two")
    await slack.edit(ts, TEXT, final=True, other=True)
    await slack.edit(ts, TEXT, final=True)
    assert slack.shown[-1] == TEXT


async def test_slacks_own_stop_button_stops(slack: Slack) -> None:
    ts = await slack.begin()
    await slack.edit(ts, "One")
    slack.fake.stop_stream(slack.reply)
    with pytest.raises(StoppedByPerson):
        await slack.edit(ts, "One, two")
    await slack.edit(ts, "One, two", final=True)
    assert slack.shown[-1] == "One, two"
    assert slack.reply.now.button("retry") is not None


@pytest.mark.parametrize(
    "code",
    ["channel_type_not_supported", "unknown_method", "missing_scope", "team_not_found"],
)
async def test_where_streaming_is_refused_a_message_is_posted_and_edited(
    slack: Slack, code: str
) -> None:
    slack.fake.trouble("chat.startStream", Trouble(code))
    ts = await slack.begin()
    await slack.edit(ts, "One")
    await slack.edit(ts, TEXT, final=True)
    assert slack.shown == ["…", "One", TEXT]
    assert slack.reply.metadata is not None
    elsewhere = replace(slack.chat, chat_id="C2")
    everywhere = code in ("unknown_method", "missing_scope")
    assert slack.channel.stream_pace(slack.chat) is None
    assert (slack.channel.stream_pace(elsewhere) is None) == everywhere


async def test_a_workspace_without_streams_is_asked_again_later(slack: Slack) -> None:
    slack.fake.trouble("chat.startStream", Trouble("unknown_method"))
    await slack.begin()
    slack.clock.advance(3601)
    assert slack.channel.stream_pace(slack.chat) == paces.START


async def test_a_start_whose_answer_was_lost_is_found_again(slack: Slack) -> None:
    slack.fake.trouble("chat.startStream", Trouble(then_lose=True))
    with pytest.raises(SendOutcomeUnknown):
        await slack.begin("7.0")
    found = await slack.other.find(slack.chat, "7.0", reply_to=slack.chat.thread_id)
    assert found == slack.reply.ts
    await slack.edit(found, TEXT, final=True, other=True)
    assert slack.shown[-1] == TEXT


async def test_an_empty_stream_that_is_known_is_no_other_pieces_place(slack: Slack) -> None:
    ts = await slack.begin("7.0")
    reply_to = slack.chat.thread_id
    assert await slack.channel.find(slack.chat, "7.1", reply_to=reply_to, known={ts}) == ""
    assert await slack.channel.find(slack.chat, "7.0", reply_to=reply_to) == ts


async def test_a_start_that_was_not_taken_is_not_found(slack: Slack) -> None:
    slack.fake.trouble("chat.startStream", Trouble(status=503))
    with pytest.raises((PlatformUnavailable, SendOutcomeUnknown)):
        await slack.begin("7.0")
    assert await slack.other.find(slack.chat, "7.0", reply_to=slack.chat.thread_id) == ""


async def test_a_stream_with_text_is_no_other_replys_place(slack: Slack) -> None:
    ts = await slack.begin("6.0")
    await slack.edit(ts, "One")
    assert await slack.other.find(slack.chat, "7.0", reply_to=slack.chat.thread_id) == ""


async def test_feedback_buttons_that_are_refused_give_way_to_plain_ones(slack: Slack) -> None:
    ts = await slack.begin()
    await slack.edit(ts, "One")
    slack.fake.trouble("chat.stopStream", Trouble("invalid_blocks"))
    slack.fake.trouble("chat.update", Trouble("invalid_blocks"))
    await slack.edit(ts, TEXT, final=True)
    assert slack.shown[-1] == TEXT
    assert slack.reply.now.button("up") is not None


async def test_a_status_stands_until_the_reply_begins(slack: Slack) -> None:
    assert await slack.channel.status(slack.chat, "de")
    [status] = slack.fake.workspace.statuses.values()
    assert status.text == "denkt nach …"
    assert len(status.loading_messages) == 2
    await slack.begin()
    assert slack.fake.workspace.statuses == {}


async def test_a_status_can_be_taken_away(slack: Slack) -> None:
    await slack.channel.status(slack.chat, "en")
    await slack.channel.status(slack.chat, "en", shown=False)
    assert slack.fake.workspace.statuses == {}


async def test_without_the_scope_there_is_no_status_and_it_is_not_asked_for_again(
    slack: Slack,
) -> None:
    slack.fake.trouble("assistant.threads.setStatus", Trouble("missing_scope"))
    assert not await slack.channel.status(slack.chat, "en")
    assert not await slack.channel.status(slack.chat, "en")
    assert slack.calls("assistant.threads.setStatus") == 1


async def test_each_act_has_the_pace_of_the_method_that_it_calls(slack: Slack) -> None:
    ts = await slack.begin()
    channel = slack.channel
    assert channel.pace_of("edit", ts) == paces.APPEND
    assert channel.pace_of("final", ts) == paces.STOP
    await slack.edit(ts, TEXT, final=True)
    assert channel.pace_of("edit", ts) == channel.pace_of("final", ts) == paces.UPDATE
    assert channel.pace_of("post") == paces.POST
