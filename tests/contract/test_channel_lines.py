"""Each way in tells how it stands with its platform, over real HTTP and WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from assistant.errors import CredentialsRefused
from assistant.lines import EVERY, Line
from bots.channels import telling
from bots.slack.channel import SlackChannel
from bots.slack.client import web_client
from bots.slack.http import router
from bots.slack.inbox import SlackInbox
from bots.slack.settings import SlackSettings
from bots.slack.socket import SlackSocket
from bots.telegram.bot import open_bot
from bots.telegram.channel import TelegramChannel
from bots.telegram.settings import TelegramSettings
from bots.telegram.webhook import PATH, SECRET_HEADER, TelegramWebhook
from tests.fakes.slack import FakeSlack, Rates, Trouble
from tests.fakes.telegram import Failure, FakeTelegram, Limits
from tests.support.listening_slack import PATIENT
from tests.support.polling import Account
from tests.support.recording_assistant import RecordingAssistant
from tests.support.serving import serving

SECRET = "a-secret-of-this-test-only"


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    async with FakeTelegram(limits=Limits.none()) as telegram:
        yield Account(telegram, RecordingAssistant())


def heard(line: Line) -> bool:
    return line.report("").heard_seconds is not None


async def test_a_poller_that_telegram_answers_is_open_and_hears_updates(account: Account) -> None:
    async with account.polling():
        await account.telegram.until(lambda: account.line.state == "open")
        assert not heard(account.line)
        account.telegram.user_says(7, "hello")
        await account.telegram.until(lambda: heard(account.line))
    assert account.line.failures == 0


async def test_what_telegram_answers_to_an_empty_poll_is_no_event(account: Account) -> None:
    async with account.polling():
        await account.telegram.until(lambda: len(account.telegram.calls_of("getUpdates")) == 2)
    assert not heard(account.line)


async def test_trouble_at_telegram_is_told_and_over_once_it_answers(account: Account) -> None:
    states: list[str] = []
    account.line.clock = lambda: states.append(account.line.state) or 0.0
    account.telegram.fail_next("getUpdates", Failure(502, "Bad Gateway"), times=2)
    async with account.polling():
        await account.telegram.until(lambda: account.line.failures == 2)
        await account.telegram.until(lambda: account.line.state == "open")
    assert "can't be reached" in account.line.error
    assert "down" in states


async def test_a_refused_token_is_told_with_what_to_check_and_without_it(account: Account) -> None:
    async with account.polling(token="1:secret-and-wrong"):
        await account.telegram.until(lambda: account.line.failures >= 2)
        assert account.line.state == "refused"
    assert "OUTRIDER_TELEGRAM__TOKEN" in account.line.error
    assert "secret-and-wrong" not in account.line.error


async def test_a_webhook_is_open_once_telegram_knows_it_and_hears_what_is_signed() -> None:
    app, assistant = FastAPI(), RecordingAssistant()
    line = Line("telegram", "default", "webhook")
    async with FakeTelegram(limits=Limits.none()) as telegram, serving(app) as address:
        settings = TelegramSettings(
            token=SecretStr(telegram.token),
            base_url=telegram.url,
            webhook_url=f"{address}{PATH}",
            webhook_secret=SecretStr(SECRET),
        )
        async with open_bot(settings) as bot, httpx.AsyncClient() as client:
            channel = TelegramChannel(bot, "default")
            webhook = TelegramWebhook(bot, channel, assistant, settings, line=line)
            app.include_router(webhook.router())
            await webhook.run()
            assert line.state == "open"
            await client.post(f"{address}{PATH}", json={}, headers={SECRET_HEADER: "wrong"})
            assert not heard(line)
            await client.post(f"{address}{PATH}", json={}, headers={SECRET_HEADER: SECRET})
            assert heard(line)


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack(schedule=PATIENT, rates=Rates(enforced=False)) as fake:
        yield fake


async def test_a_socket_is_open_hears_events_and_tells_why_it_broke(slack: FakeSlack) -> None:
    line = Line("slack", EVERY, "socket")
    settings = SlackSettings(bot_token=SecretStr(slack.bot_token), base_url=slack.url)
    async with web_client(settings) as client:
        inbox = SlackInbox(RecordingAssistant(), SlackChannel(client), client)
        token = SecretStr(FakeSlack.app_token)
        socket = SlackSocket(client, token, inbox, backoff_seconds=(0.05, 0.1), line=line)
        running = asyncio.create_task(telling(line, socket.run)())
        await slack.until(lambda: line.state == "open")
        assert not heard(line)
        slack.dm("U1", "hello")
        await slack.until(lambda: heard(line))
        await slack.courier.sockets.disconnect("refresh_requested")
        await slack.until(lambda: slack.courier.sockets.opened == 2)
        assert line.failures == 0, "Slack asks for a new connection every few hours"
        await slack.courier.sockets.drop()
        await slack.until(lambda: line.failures == 1)
        await slack.until(lambda: line.state == "open")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert line.state == "standby"


async def test_a_way_in_that_slack_refuses_is_refused_in_a_sentence(slack: FakeSlack) -> None:
    line = Line("slack", EVERY, "socket")
    settings = SlackSettings(bot_token=SecretStr("xoxb-wrong"), base_url=slack.url)
    async with web_client(settings) as client:
        inbox = SlackInbox(RecordingAssistant(), SlackChannel(client), client)
        socket = SlackSocket(client, SecretStr("xapp-wrong"), inbox, line=line)
        with pytest.raises(CredentialsRefused):
            await telling(line, socket.run)()
    assert line.state == "refused"
    assert line.error
    assert "wrong" not in line.error


async def test_slack_being_away_is_told(slack: FakeSlack) -> None:
    line = Line("slack", EVERY, "socket")
    slack.trouble("apps.connections.open", *(Trouble("internal_error") for _ in range(3)))
    settings = SlackSettings(bot_token=SecretStr(slack.bot_token), base_url=slack.url)
    async with web_client(settings) as client:
        inbox = SlackInbox(RecordingAssistant(), SlackChannel(client), client)
        token = SecretStr(FakeSlack.app_token)
        socket = SlackSocket(client, token, inbox, backoff_seconds=(0.05, 0.1), line=line)
        running = asyncio.create_task(socket.run())
        await slack.until(lambda: line.failures >= 2)
        await slack.until(lambda: line.state == "open")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_only_what_slack_signed_is_heard_over_http(slack: FakeSlack) -> None:
    line, app = Line("slack", EVERY, "webhook"), FastAPI()
    settings = SlackSettings(bot_token=SecretStr(slack.bot_token), base_url=slack.url)
    async with web_client(settings) as client:
        inbox = SlackInbox(RecordingAssistant(), SlackChannel(client), client)
        app.include_router(router(inbox, SecretStr(FakeSlack.signing_secret), line=line))
        async with serving(app) as address, httpx.AsyncClient() as caller:
            url, body = f"{address}/webhooks/slack", b'{"type": "event_callback"}'
            await caller.post(url, content=body)
            assert not heard(line)
            headers = {**slack.courier.signed(body), "content-type": "application/json"}
            await caller.post(url, content=body, headers=headers)
            assert heard(line)
