"""The fake's streams: who may read them, how they grow, and how they end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.models.messages.chunk import MarkdownTextChunk, TaskUpdateChunk
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack, HandClock, Rates
from tests.support.slack_library import library, refusal

TO_ADA: dict[str, str] = {"recipient_team_id": "T0FAKE", "recipient_user_id": "UADA"}
FEEDBACK: dict[str, Any] = {
    "type": "context_actions",
    "elements": [
        {
            "type": "feedback_buttons",
            "action_id": "feedback",
            "positive_button": {"text": {"type": "plain_text", "text": "Good"}, "value": "good"},
            "negative_button": {"text": {"type": "plain_text", "text": "Bad"}, "value": "bad"},
        }
    ],
}


@pytest.fixture
async def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def slack(clock: HandClock) -> AsyncIterator[FakeSlack]:
    async with FakeSlack(clock=clock, rates=Rates(enforced=False)) as fake:
        yield fake


@pytest.fixture
async def api(slack: FakeSlack) -> AsyncWebClient:
    return library(slack)


async def test_a_stream_grows_in_one_message_and_ends_with_blocks_and_metadata(
    slack: FakeSlack, api: AsyncWebClient
) -> None:
    root = slack.dm("UADA", "hello")
    chat = {"channel": root.channel}
    metadata = {"event_type": "turn", "event_payload": {"reply": "1"}}
    started = await api.chat_startStream(**chat, thread_ts=root.ts, markdown_text="One")
    ts = str(started["ts"])
    await api.chat_appendStream(**chat, ts=ts, markdown_text=", two")
    await api.chat_stopStream(
        **chat, ts=ts, markdown_text=", three.", blocks=[FEEDBACK], metadata=metadata
    )
    [shown] = slack.replies(root.channel)
    assert [one.markdown for one in shown.versions] == ["One", "One, two", "One, two, three."]
    assert (shown.thread_ts, shown.payload().get("edited")) == (root.ts, None)
    assert shown.now.button("feedback") is not None
    thread = await api.conversations_replies(
        channel=root.channel, ts=root.ts, include_all_metadata=True
    )
    assert thread["messages"][-1]["metadata"] == metadata


async def test_the_librarys_own_streamer_is_taken(slack: FakeSlack, api: AsyncWebClient) -> None:
    root = slack.mention("C1", "UADA", "hello")
    stream = await api.chat_stream(channel="C1", thread_ts=root.ts, buffer_size=4, **TO_ADA)
    await stream.append(markdown_text="Hello, ")
    await stream.append(markdown_text="Ada")
    await stream.stop(markdown_text=".")
    assert [one.now.markdown for one in slack.replies("C1")] == ["Hello, Ada."]


async def test_a_stream_in_a_channel_needs_to_know_for_whom(
    slack: FakeSlack, api: AsyncWebClient
) -> None:
    root = slack.mention("C1", "UADA", "hello")
    slack.outsider("USTRANGER")
    here: dict[str, Any] = {"channel": "C1", "thread_ts": root.ts}
    for given, code in (
        ({"recipient_team_id": "T0FAKE"}, "missing_recipient_user_id"),
        ({"recipient_user_id": "UADA"}, "missing_recipient_team_id"),
        (TO_ADA | {"recipient_user_id": "UNOBODY"}, "user_not_found"),
        (TO_ADA | {"recipient_user_id": "USTRANGER"}, "team_not_found"),
    ):
        assert await refusal(api.chat_startStream(**here, **given)) == code
    assert await refusal(api.chat_startStream(channel="C1", thread_ts="")) == "invalid_arguments"
    slack.workspace.channel("C1").takes_streams = False
    refused = await refusal(api.chat_startStream(**here, **TO_ADA))
    assert refused == "channel_type_not_supported"


async def test_a_stream_dies_five_minutes_after_its_start_whatever_is_appended(
    slack: FakeSlack, api: AsyncWebClient, clock: HandClock
) -> None:
    root = slack.dm("UADA", "hello")
    chat = {"channel": root.channel}
    ts = str((await api.chat_startStream(**chat, thread_ts=root.ts, markdown_text="1"))["ts"])
    clock.advance(299)
    await api.chat_appendStream(**chat, ts=ts, markdown_text="2")
    clock.advance(1)
    for call in (api.chat_appendStream, api.chat_stopStream):
        late = call(**chat, ts=ts, markdown_text="3")  # type: ignore[operator]
        assert await refusal(late) == "message_not_in_streaming_state"
    await api.chat_update(**chat, ts=ts, text="1, 2, 3")
    assert slack.replies(root.channel)[0].now.text == "1, 2, 3"


async def test_a_running_stream_is_not_to_be_edited(slack: FakeSlack, api: AsyncWebClient) -> None:
    root = slack.dm("UADA", "hello")
    chat = {"channel": root.channel}
    ts = str((await api.chat_startStream(**chat, thread_ts=root.ts, markdown_text="1"))["ts"])
    assert await refusal(api.chat_update(**chat, ts=ts, text="x")) == "streaming_state_conflict"
    await api.chat_appendStream(**chat, ts=ts, markdown_text="2")
    await api.chat_stopStream(**chat, ts=ts)
    await api.chat_update(**chat, ts=ts, text="x")


async def test_a_person_can_stop_a_stream(slack: FakeSlack, api: AsyncWebClient) -> None:
    root = slack.dm("UADA", "hello")
    chat = {"channel": root.channel}
    ts = str((await api.chat_startStream(**chat, thread_ts=root.ts))["ts"])
    slack.stop_stream(slack.replies(root.channel)[0])
    late = api.chat_appendStream(**chat, ts=ts, markdown_text="2")
    assert await refusal(late) == "stopped_by_user"


async def test_a_stream_takes_what_it_was_opened_with_and_each_piece_by_its_own_length(
    slack: FakeSlack, api: AsyncWebClient
) -> None:
    root = slack.dm("UADA", "hello")
    chat = {"channel": root.channel}
    ts = str((await api.chat_startStream(**chat, thread_ts=root.ts, markdown_text="1"))["ts"])
    append = api.chat_appendStream
    chunk = MarkdownTextChunk(text="2")
    assert await refusal(append(**chat, ts=ts, chunks=[chunk])) == "streaming_mode_mismatch"
    both = append(**chat, ts=ts, chunks=[chunk], markdown_text="2")
    assert await refusal(both) == "cannot_provide_both_markdown_text_and_chunks"
    assert await refusal(append(**chat, ts=ts)) == "no_text"
    assert await refusal(append(**chat, ts=ts, markdown_text="x" * 12_001)) == "msg_too_long"
    for _ in range(2):
        await append(**chat, ts=ts, markdown_text="x" * 12_000)
    unknown = {"type": "unheard_of"}
    other = str((await api.chat_startStream(**chat, thread_ts=root.ts))["ts"])
    assert await refusal(append(**chat, ts=other, chunks=[unknown])) == "invalid_chunks"


async def test_tasks_of_a_stream_are_replaced_and_their_details_appended(
    slack: FakeSlack, api: AsyncWebClient
) -> None:
    root = slack.dm("UADA", "hello")
    chat = {"channel": root.channel}
    ts = str((await api.chat_startStream(**chat, thread_ts=root.ts))["ts"])
    for status, details in (("in_progress", "one"), ("complete", ", two")):
        task = TaskUpdateChunk(id="1", title="Look", status=status, details=details)
        await api.chat_appendStream(**chat, ts=ts, chunks=[task])
    [shown] = slack.replies(root.channel)
    assert shown.stream is not None
    task_now = shown.stream.tasks["1"]
    assert (task_now["status"], task_now["details"]) == ("complete", "one, two")


async def test_another_bots_message_can_not_be_streamed_into(
    slack: FakeSlack, api: AsyncWebClient
) -> None:
    theirs = slack.other_bot_says("C1", "mine")
    late = api.chat_appendStream(channel="C1", ts=theirs.ts, markdown_text="2")
    assert await refusal(late) == "message_not_owned_by_app"


async def test_a_streamed_broadcast_is_noticed_even_where_it_comes_in_pieces(
    slack: FakeSlack, api: AsyncWebClient
) -> None:
    root = slack.dm("UADA", "hello")
    chat = {"channel": root.channel}
    ts = str((await api.chat_startStream(**chat, thread_ts=root.ts, markdown_text="<!cha"))["ts"])
    assert slack.broadcasts == []
    await api.chat_appendStream(**chat, ts=ts, markdown_text="nnel> hi")
    assert [one.who for one in slack.broadcasts] == ["!channel"]


async def test_no_more_than_twenty_streams_start_in_a_minute() -> None:
    clock = HandClock()
    async with FakeSlack(clock=clock) as slack:
        root, api = slack.dm("UADA", "hello"), library(slack)
        start = {"channel": root.channel, "thread_ts": root.ts}
        for _ in range(20):
            await api.chat_startStream(**start)
        with pytest.raises(SlackApiError) as caught:
            await api.chat_startStream(**start)
        assert caught.value.response.headers["Retry-After"] == "60"
        clock.advance(60)
        await api.chat_startStream(**start)
