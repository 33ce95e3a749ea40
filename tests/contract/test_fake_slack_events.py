"""How the fake's events reach a bot: over HTTP with retries on a clock, and over Socket Mode."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.signature import SignatureVerifier

from tests.fakes.slack import FakeSlack, HandClock, Rates, Schedule
from tests.support.slack_library import library

NO_RATES = Rates(enforced=False)


class Bot:
    """A bot's HTTP side; `answers` are what it says to the next requests, and then 200."""

    def __init__(self) -> None:
        self.answers: list[web.Response] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.silent = False
        self.url = ""

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.requests]

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((headers, await request.read()))
        if self.silent:
            await asyncio.Event().wait()
        return self.answers.pop(0) if self.answers else web.Response()


@asynccontextmanager
async def bot_at(slack: FakeSlack) -> AsyncIterator[Bot]:
    bot, app = Bot(), web.Application()
    app.router.add_post("/events", bot.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    bot.url = slack.courier.request_url = f"http://{host}:{port}/events"
    try:
        yield bot
    finally:
        await runner.cleanup()


@pytest.fixture
async def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def slack(clock: HandClock) -> AsyncIterator[FakeSlack]:
    async with FakeSlack(clock=clock, rates=NO_RATES) as fake:
        yield fake


async def test_a_refused_event_comes_at_once_after_a_minute_and_after_five(
    slack: FakeSlack, clock: HandClock
) -> None:
    async with bot_at(slack) as bot:
        bot.answers = [web.Response(status=503) for _ in range(4)]
        slack.dm("U1", "hello")
        await slack.until(lambda: len(bot.requests) == 2 and clock.waited_for == [60.0])
        clock.advance(60)
        await slack.until(lambda: len(bot.requests) == 3 and clock.waited_for == [300.0])
        clock.advance(300)
        await slack.until(lambda: slack.courier.idle)
        again = [
            (head.get("x-slack-retry-num"), head.get("x-slack-retry-reason"))
            for head, _ in bot.requests
        ]
        errors = [(str(number), "http_error") for number in (1, 2, 3)]
        assert again == [(None, None), *errors]
        assert len({body["event_id"] for body in bot.bodies}) == 1


async def test_each_delivery_is_signed_anew_and_the_librarys_verifier_takes_it(
    slack: FakeSlack, clock: HandClock
) -> None:
    verifier = SignatureVerifier(slack.signing_secret)
    verifier.clock.now = clock  # type: ignore[method-assign]
    async with bot_at(slack) as bot:
        bot.answers = [web.Response(status=500) for _ in range(2)]
        slack.dm("U1", "hello")
        await slack.until(lambda: len(bot.requests) == 2 and clock.waited_for == [60.0])
        clock.advance(60)
        await slack.until(lambda: slack.courier.idle)
        first, _, last = bot.requests
        assert verifier.is_valid_request(last[1], last[0])
        clock.advance(600)
        assert not verifier.is_valid_request(first[1], first[0])


async def test_a_silent_bot_is_given_three_seconds_and_told_why_it_is_asked_again(
    slack: FakeSlack, clock: HandClock
) -> None:
    async with bot_at(slack) as bot:
        bot.silent = True
        slack.dm("U1", "hello")
        await slack.until(lambda: len(bot.requests) == 1 and clock.waited_for == [3.0])
        bot.silent = False
        clock.advance(3)
        await slack.until(lambda: slack.courier.idle)
        assert bot.requests[1][0]["x-slack-retry-reason"] == "http_timeout"
    [delivery] = slack.deliveries
    assert delivery.reasons == ["http_timeout"]


async def test_a_bot_that_wants_no_more_is_asked_no_more(slack: FakeSlack) -> None:
    async with bot_at(slack) as bot:
        bot.answers = [web.Response(status=500, headers={"x-slack-no-retry": "1"})]
        slack.dm("U1", "hello")
        await slack.until(lambda: slack.courier.idle)
        assert len(bot.requests) == 1


async def test_only_what_the_app_listens_for_is_sent(slack: FakeSlack) -> None:
    slack.state.subscribed = frozenset({"app_mention", "message.im"})
    async with bot_at(slack) as bot:
        slack.write("C1", "U1", "not for you")
        slack.mention("C1", "U1", "for you")
        slack.dm("U1", "hello")
        await slack.until(lambda: slack.courier.idle)
        heard = sorted((body["event"]["type"], body["event"]["channel"]) for body in bot.bodies)
        assert heard == [("app_mention", "C1"), ("message", "DU1")]


async def test_nothing_is_heard_of_a_channel_that_the_bot_is_not_in(slack: FakeSlack) -> None:
    slack.workspace.channel("C1").has_bot = False
    slack.mention("C1", "U1", "is somebody there?")
    slack.mention("C2", "U1", "and here?")
    assert {one.body["event"]["channel"] for one in slack.courier.deliveries} == {"C2"}


async def test_an_outsiders_message_says_so(slack: FakeSlack) -> None:
    slack.outsider("U0STRANGER", "T0ELSEWHERE", "C1")
    async with bot_at(slack) as bot:
        slack.mention("C1", "U0STRANGER", "let me in")
        await slack.until(lambda: slack.courier.idle)
        body = bot.bodies[0]
        assert body["is_ext_shared_channel"] is True
        assert body["team_id"] == body["event"]["user_team"] == "T0ELSEWHERE"
        assert body["authorizations"][0]["team_id"] == body["context_team_id"] == "T0FAKE"
    person = (await library(slack).users_info(user="U0STRANGER"))["user"]
    assert (person["is_stranger"], person["team_id"]) == (True, "T0ELSEWHERE")
    channel = (await library(slack).conversations_info(channel="C1"))["channel"]
    assert channel["is_ext_shared"] is True


async def test_two_workspaces_have_their_own_tokens_people_and_events(slack: FakeSlack) -> None:
    other = slack.add_workspace("T0SECOND", "Second")
    async with bot_at(slack) as bot:
        slack.dm("U1", "here")
        other.dm("U1", "there")
        await slack.until(lambda: slack.courier.idle)
        teams = {body["team_id"]: body["event"]["text"] for body in bot.bodies}
        assert teams == {"T0FAKE": "here", "T0SECOND": "there"}
        assert len({body["event_id"] for body in bot.bodies}) == 2
    theirs = library(slack, other.workspace.token)
    assert (await theirs.auth_test())["team_id"] == "T0SECOND"
    await theirs.chat_postMessage(channel="DU1", text="hello there")
    assert [one.now.text for one in other.replies("DU1")] == ["hello there"]
    assert slack.replies("DU1") == []


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_command_comes_as_a_form_and_but_once(clock: HandClock, accepted: bool) -> None:
    schedule = Schedule(interactions_again=False)
    async with (
        FakeSlack(clock=clock, rates=NO_RATES, schedule=schedule) as slack,
        bot_at(slack) as bot,
    ):
        bot.answers = [web.json_response({"text": "Yes?"}, status=200 if accepted else 500)]
        slack.command("C1", "U1", "/ask", "what & why")
        await slack.until(lambda: slack.courier.idle)
        [(_, body)] = bot.requests
        form = parse_qs(body.decode())
        assert (form["command"], form["text"]) == (["/ask"], ["what & why"])
        seen = [(one.user, one.version.text) for one in slack.workspace.ephemerals]
        assert seen == ([("U1", "Yes?")] if accepted else [])


@asynccontextmanager
async def opened(slack: FakeSlack) -> AsyncIterator[Any]:
    answer = await library(slack).apps_connections_open(app_token=slack.app_token)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(answer["url"]) as socket,
    ):
        assert (await socket.receive_json())["type"] == "hello"
        yield socket


async def test_an_envelope_that_was_lost_with_its_connection_comes_on_the_next(
    slack: FakeSlack, clock: HandClock
) -> None:
    async with opened(slack) as first:
        slack.dm("U1", "hello")
        lost = await first.receive_json()
        await slack.courier.sockets.drop()
    async with opened(slack) as second:
        await slack.until(lambda: clock.waited_for == [3.0])
        clock.advance(3)
        again = await second.receive_json()
        assert again["payload"]["event_id"] == lost["payload"]["event_id"]
        assert again["envelope_id"] != lost["envelope_id"]
        assert (again["retry_attempt"], again["retry_reason"]) == (1, "timeout")
        await second.send_json({"envelope_id": again["envelope_id"]})
        await slack.until(lambda: slack.courier.idle)


async def test_a_refresh_is_announced_while_events_still_come(slack: FakeSlack) -> None:
    async with opened(slack) as socket:
        await slack.courier.sockets.warn()
        said = await socket.receive_json()
        assert (said["type"], said["reason"]) == ("disconnect", "warning")
        slack.dm("U1", "hello")
        assert (await socket.receive_json())["type"] == "events_api"
        await slack.courier.sockets.disconnect("refresh_requested")
        assert (await socket.receive_json())["reason"] == "refresh_requested"
        assert slack.courier.sockets.open == []


async def test_an_eleventh_connection_is_refused(slack: FakeSlack) -> None:
    open_connection = library(slack).apps_connections_open
    async with AsyncExitStack() as stack, aiohttp.ClientSession() as session:
        for _ in range(10):
            await stack.enter_async_context(opened(slack))
        sockets = slack.courier.sockets
        await slack.until(lambda: len(sockets.open) == 10)
        answer = await open_connection(app_token=slack.app_token)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(answer["url"])


async def test_an_acknowledgement_over_a_socket_may_carry_an_answer(slack: FakeSlack) -> None:
    async with opened(slack) as socket:
        slack.command("C1", "U1", "/ask")
        envelope = await socket.receive_json()
        assert (envelope["type"], envelope["accepts_response_payload"]) == ("slash_commands", True)
        answer = {"envelope_id": envelope["envelope_id"], "payload": {"text": "Here"}}
        await socket.send_json(answer)
        await slack.until(lambda: slack.courier.idle)
        assert [one.version.text for one in slack.workspace.ephemerals] == ["Here"]
