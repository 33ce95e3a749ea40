"""The fake keeps Slack's rules: what it takes, what it refuses, and when it comes again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack, Rates, Schedule

Block = dict[str, Any]


def markdown(characters: int) -> Block:
    return {"type": "markdown", "text": "x" * characters}


def section(characters: int) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": "x" * characters}}


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    schedule = Schedule(ack_seconds=0.1, retries=(0.0, 0.05, 0.05))
    async with FakeSlack(schedule=schedule, rates=Rates(enforced=False)) as fake:
        fake.workspace.channel("C1")
        yield fake


def client(slack: FakeSlack, token: str = FakeSlack.bot_token) -> AsyncWebClient:
    made = AsyncWebClient(token, base_url=f"{slack.url}/api/", retry_handlers=[])
    made.proxy = None
    return made


async def refused(slack: FakeSlack, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await client(slack).chat_postMessage(channel="C1", **arguments)
    return str(caught.value.response["error"])


@pytest.mark.parametrize(
    ("blocks", "error"),
    [
        ([markdown(12_001)], "invalid_blocks"),
        ([markdown(6_001), markdown(6_000)], "invalid_blocks"),
        ([section(3_001)], "invalid_blocks"),
        ([section(10)] * 51, "invalid_blocks"),
        ([section(2_900)] * 5, "msg_blocks_too_long"),
        ([{"type": "unheard_of"}], "invalid_blocks"),
        ([markdown(0)], "invalid_blocks"),
    ],
)
async def test_blocks_over_slacks_limits_are_refused(
    slack: FakeSlack, blocks: list[Block], error: str
) -> None:
    assert await refused(slack, text="x", blocks=blocks) == error
    assert slack.messages("C1") == []


@pytest.mark.parametrize("blocks", [[markdown(12_000)], [section(3_000)] * 4, [section(1)] * 50])
async def test_blocks_at_slacks_limits_are_taken(slack: FakeSlack, blocks: list[Block]) -> None:
    await client(slack).chat_postMessage(channel="C1", text="x", blocks=blocks)
    assert len(slack.messages("C1")) == 1


async def test_a_long_text_is_cut_in_a_post_and_refused_in_an_update(slack: FakeSlack) -> None:
    posted = await client(slack).chat_postMessage(channel="C1", text="x" * 40_001)
    assert len(slack.messages("C1")[0].now.text) == 40_000
    await client(slack).chat_update(channel="C1", ts=posted["ts"], text="x" * 4_000)
    for text in ("x" * 4_001, "é" * 2_001):
        with pytest.raises(SlackApiError, match="msg_too_long"):
            await client(slack).chat_update(channel="C1", ts=posted["ts"], text=text)


@pytest.mark.filterwarnings("ignore:The top-level `text` argument is missing")
async def test_what_is_not_there_or_not_ours_has_slacks_codes(slack: FakeSlack) -> None:
    theirs = slack.write("C1", "U1", "hello")
    slack.workspace.channel("C2").archived = True
    slack.workspace.channel("C3").has_bot = False
    api = client(slack)
    for call, error in (
        (api.chat_update(channel="C1", ts="1.1", text="x"), "message_not_found"),
        (api.chat_update(channel="C1", ts=theirs.ts, text="x"), "cant_update_message"),
        (api.chat_delete(channel="C1", ts=theirs.ts), "cant_delete_message"),
        (api.chat_postMessage(channel="C0", text="x"), "channel_not_found"),
        (api.chat_postMessage(channel="C2", text="x"), "is_archived"),
        (api.chat_postMessage(channel="C3", text="x"), "not_in_channel"),
        (api.chat_postMessage(channel="C1", text=""), "no_text"),
        (api.conversations_replies(channel="C1", ts="1.1"), "thread_not_found"),
        (api.conversations_history(channel="C1", limit=1000), "invalid_limit"),
        (api.conversations_history(channel="C1", cursor="bmV4dF90czox"), "invalid_cursor"),
        (client(slack, "wrong").auth_test(), "invalid_auth"),
        (client(slack, "").auth_test(), "not_authed"),
        (api.apps_connections_open(app_token=slack.bot_token), "not_allowed_token_type"),
    ):
        with pytest.raises(SlackApiError) as caught:
            await call
        assert caught.value.response["error"] == error


async def test_a_thread_is_read_with_the_metadata_of_its_replies(slack: FakeSlack) -> None:
    root = slack.write("C1", "U1", "hello")
    metadata = {"event_type": "x", "event_payload": {"a": "b"}}
    api = client(slack)
    await api.chat_postMessage(channel="C1", thread_ts=root.ts, text="hi", metadata=metadata)
    answer = await api.conversations_replies(channel="C1", ts=root.ts, include_all_metadata=True)
    first, second = answer["messages"]
    assert first["ts"] == root.ts
    assert second["metadata"] == metadata


async def test_a_conversation_is_read_page_by_page(slack: FakeSlack) -> None:
    written = [slack.write("C1", "U1", str(number)).ts for number in range(5)]
    api = client(slack)
    seen: list[str] = []
    cursor: str | None = None
    for more in (True, True, False):
        answer = await api.conversations_history(channel="C1", limit=2, cursor=cursor)
        assert answer["has_more"] is more
        seen += [message["ts"] for message in answer["messages"]]
        metadata: dict[str, str] = answer.get("response_metadata") or {}
        cursor = metadata.get("next_cursor")
        slack.write("C1", "U1", "meanwhile")
    assert cursor is None
    assert seen == list(reversed(written))


async def test_a_time_leaves_out_what_was_written_at_it_unless_it_is_asked_for(
    slack: FakeSlack,
) -> None:
    first, second, third = [slack.write("C1", "U1", str(number)).ts for number in range(3)]
    api = client(slack)
    for inclusive, listed in ((None, [third]), (True, [third, second])):
        answer = await api.conversations_history(channel="C1", oldest=second, inclusive=inclusive)
        assert [message["ts"] for message in answer["messages"]] == listed
    assert first not in listed


async def test_a_thread_is_read_oldest_first_and_always_with_its_root(slack: FakeSlack) -> None:
    root = slack.write("C1", "U1", "root").ts
    _, second, third = [slack.write("C1", "U1", "x", thread_ts=root).ts for _ in range(3)]
    answer = await client(slack).conversations_replies(channel="C1", ts=root, oldest=second)
    assert [message["ts"] for message in answer["messages"]] == [root, third]


async def test_a_reaction_is_set_once_and_on_what_is_there(slack: FakeSlack) -> None:
    message = slack.write("C1", "U1", "hello")
    slack.workspace.channel("C2").archived = True
    add = client(slack).reactions_add
    await add(channel="C1", timestamp=message.ts, name="eyes")
    for place, ts, name, error in (
        ("C1", message.ts, "eyes", "already_reacted"),
        ("C1", message.ts, "no-such-emoji", "invalid_name"),
        ("C1", "1.1", "eyes", "message_not_found"),
        ("C2", message.ts, "eyes", "is_archived"),
        ("C0", message.ts, "eyes", "channel_not_found"),
    ):
        with pytest.raises(SlackApiError) as caught:
            await add(channel=place, timestamp=ts, name=name)
        assert caught.value.response["error"] == error
    assert message.reactions == ["eyes"]


async def test_the_fifty_first_update_in_a_minute_is_too_many() -> None:
    async with FakeSlack() as slack:
        slack.workspace.channel("C1")
        api = client(slack)
        ts = (await api.chat_postMessage(channel="C1", text="x"))["ts"]
        for _ in range(50):
            await api.chat_update(channel="C1", ts=ts, text="x")
        with pytest.raises(SlackApiError) as caught:
            await api.chat_update(channel="C1", ts=ts, text="x")
        assert caught.value.response.status_code == 429
        assert 1 <= int(caught.value.response.headers["Retry-After"]) <= 60


async def open_socket(slack: FakeSlack, session: aiohttp.ClientSession) -> Any:
    opened = await client(slack).apps_connections_open(app_token=slack.app_token)
    socket = await session.ws_connect(opened["url"])
    assert (await socket.receive_json())["type"] == "hello"
    return socket


async def test_an_event_comes_four_times_where_nobody_acknowledges_it(slack: FakeSlack) -> None:
    async with aiohttp.ClientSession() as session:
        socket = await open_socket(slack, session)
        slack.write("C1", "U1", "hello")
        envelopes = [await socket.receive_json() for _ in range(4)]
        assert [envelope["retry_attempt"] for envelope in envelopes] == [0, 1, 2, 3]
        assert len({envelope["payload"]["event_id"] for envelope in envelopes}) == 1
        await slack.until(lambda: slack.courier.idle)
        assert slack.deliveries[0].attempts == 4


async def test_an_acknowledged_event_does_not_come_again() -> None:
    schedule = Schedule(ack_seconds=5.0, retries=(0.0,))
    async with FakeSlack(schedule=schedule) as slack, aiohttp.ClientSession() as session:
        socket = await open_socket(slack, session)
        slack.write("C1", "U1", "hello")
        envelope = await socket.receive_json()
        await socket.send_json({"envelope_id": envelope["envelope_id"]})
        await slack.until(lambda: slack.courier.idle)
        assert slack.deliveries[0].attempts == 1


async def test_a_ticket_opens_one_connection(slack: FakeSlack) -> None:
    opened = await client(slack).apps_connections_open(app_token=slack.app_token)
    async with aiohttp.ClientSession() as session, session.ws_connect(opened["url"]):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(opened["url"])


async def test_slacks_own_library_takes_the_fakes_signature(slack: FakeSlack) -> None:
    body = json.dumps({"type": "event_callback"}).encode()
    headers = slack.courier.signed(body)
    assert SignatureVerifier(slack.signing_secret).is_valid_request(body, headers)
