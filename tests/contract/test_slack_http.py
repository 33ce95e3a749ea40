"""Slack's events over HTTP: a real web server, and a fake slack.com that signs and redelivers."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from assistant.channel import Placeholder
from assistant.messages import ChatRef
from assistant.phrases import sentences
from bots.slack.agent.shortcut import CALLBACK, QUESTION, WORDS
from bots.slack.channel import SlackChannel
from bots.slack.client import web_client
from bots.slack.http import router
from bots.slack.inbox import SlackInbox
from bots.slack.settings import SlackSettings
from tests.fakes.slack import FakeSlack, Rates, Trouble
from tests.support.listening_slack import PATIENT
from tests.support.recording_assistant import RecordingAssistant
from tests.support.serving import serving

EMPTY = sentences("en")["refused.empty"]
DM_EVENT = {
    "type": "event_callback",
    "event_id": "Ev1",
    "event": {"type": "message", "channel": "D1", "user": "U1", "ts": "1.1", "text": "hi"},
}


@dataclass
class Hook:
    fake: FakeSlack
    assistant: RecordingAssistant
    channel: SlackChannel
    inbox: SlackInbox
    url: str

    async def send(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.post(self.url, content=body, headers=raw)

    async def send_signed(self, body: bytes, content_type: str = "") -> httpx.Response:
        headers = self.fake.courier.signed(body)
        headers["content-type"] = content_type or "application/json"
        return await self.send(body, headers)


@asynccontextmanager
async def hooked(
    secret: SecretStr | None, clock: Callable[[], float] = time.time
) -> AsyncIterator[Hook]:
    assistant = RecordingAssistant()
    async with FakeSlack(schedule=PATIENT, rates=Rates(enforced=False)) as fake:
        token = SecretStr(fake.bot_token)
        async with web_client(SlackSettings(bot_token=token, base_url=fake.url)) as client:
            channel = SlackChannel(client)
            inbox = SlackInbox(assistant, channel, client)
            app = FastAPI()
            app.include_router(router(inbox, secret, clock))
            async with serving(app) as url:
                yield Hook(fake, assistant, channel, inbox, f"{url}/webhooks/slack")


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with hooked(SecretStr(FakeSlack.signing_secret)) as value:
        await value.fake.subscribe(value.url)
        yield value


async def test_a_form_is_answered_with_what_slack_shall_do_with_it(hook: Hook) -> None:
    theirs = hook.fake.write("C1", "U2", "hello")
    await hook.fake.use_shortcut(theirs, "U1", CALLBACK).acknowledged.wait()
    await hook.fake.until(lambda: bool(hook.fake.workspace.views))
    [form] = hook.fake.workspace.views
    for value, answered in ((" ", {QUESTION: EMPTY}), ("why?", None)):
        sent = hook.fake.submit(form, "U1", {QUESTION: {WORDS: {"value": value}}})
        await sent.acknowledged.wait()
        assert (sent.answer and sent.answer["errors"]) == answered
    [asked] = hook.assistant.accepted
    assert asked.event_id == f"asked:{form}"


async def test_a_signed_event_is_accepted_and_answered_with_200(hook: Hook) -> None:
    message = hook.fake.dm("U1", "hello")
    [delivery] = hook.fake.deliveries
    await delivery.acknowledged.wait()
    [accepted] = hook.assistant.accepted
    assert (accepted.text, accepted.message_id) == ("hello", message.ts)
    assert accepted.arrival.received < accepted.arrival.acknowledged
    assert delivery.statuses == [200]


async def test_without_storage_it_is_503_and_slack_sends_the_event_again(hook: Hook) -> None:
    hook.assistant.failures_left = 2
    hook.fake.dm("U1", "hello")
    [delivery] = hook.fake.deliveries
    await delivery.acknowledged.wait()
    assert delivery.statuses == [503, 503, 200]
    assert len(hook.assistant.accepted) == 1


async def test_while_slack_does_not_say_who_we_are_events_are_not_taken(hook: Hook) -> None:
    hook.fake.trouble("auth.test", Trouble(status=503))
    hook.fake.dm("U1", "hello")
    [delivery] = hook.fake.deliveries
    await delivery.acknowledged.wait()
    assert delivery.statuses == [503, 200]


async def test_an_event_that_comes_twice_is_one_message(hook: Hook) -> None:
    for _ in range(2):
        answer = await hook.send_signed(json.dumps(DM_EVENT).encode())
        assert answer.status_code == 200
    assert [message.event_id for message in hook.assistant.deliveries] == ["Ev1", "Ev1"]
    assert len(hook.assistant.accepted) == 1


@pytest.mark.parametrize("path", ["", "/interactive"])
async def test_a_press_of_the_stop_button_comes_as_a_form(hook: Hook, path: str) -> None:
    question = hook.fake.dm("U1", "tell me everything")
    await hook.fake.deliveries[0].acknowledged.wait()
    chat = ChatRef("slack", "default", "DU1", question.ts)
    await hook.channel.post(chat, Placeholder(1, "1.0", ""))
    [reply] = hook.fake.replies("DU1")
    hook.fake.courier.request_url = hook.url + path
    await hook.fake.press(reply, "U1").acknowledged.wait()
    assert hook.assistant.pressed == [(1, chat, reply.ts)]


async def test_a_slash_command_is_answered_in_the_response_itself(hook: Hook) -> None:
    order = hook.fake.command("DU1", "U1", "/outrider", "memory I am &lt; 40")
    await order.acknowledged.wait()
    [command] = hook.assistant.commands
    assert (command.name, command.argument) == ("memory", "I am < 40")
    assert order.answer == {"response_type": "ephemeral", "text": "done: memory"}


async def test_a_slash_command_that_is_not_signed_is_refused(hook: Hook) -> None:
    answer = await hook.send(
        b"command=%2Foutrider&text=forget+all&channel_id=D1&user_id=U1",
        {"content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 401
    assert hook.assistant.commands == []


async def test_an_unsigned_request_is_refused(hook: Hook) -> None:
    body = json.dumps(DM_EVENT).encode()
    signed = hook.fake.courier.signed(body)
    forged: list[dict[str, str]] = [
        {},
        signed | {"x-slack-signature": "v0=" + "0" * 64},
        signed | {"x-slack-signature": "v0=\xe9"},
        signed | {"x-slack-request-timestamp": "soon"},
    ]
    for headers in forged:
        answer = await hook.send(body, headers)
        assert answer.status_code == 401
        assert answer.text.endswith(".")
    assert hook.assistant.deliveries == []


async def test_a_changed_body_is_refused(hook: Hook) -> None:
    body = json.dumps(DM_EVENT).encode()
    answer = await hook.send(body + b" ", hook.fake.courier.signed(body))
    assert answer.status_code == 401


@pytest.mark.parametrize(("skew", "status"), [(-310, 401), (-290, 200), (290, 200), (310, 401)])
async def test_a_signed_request_is_good_for_five_minutes(skew: float, status: int) -> None:
    secret = SecretStr(FakeSlack.signing_secret)
    async with hooked(secret, clock=lambda: int(time.time()) - skew) as hook:
        answer = await hook.send_signed(json.dumps(DM_EVENT).encode())
    assert answer.status_code == status
    assert len(hook.assistant.accepted) == (status == 200)


async def test_without_a_signing_secret_everything_is_refused() -> None:
    for secret in (None, SecretStr("")):
        async with hooked(secret) as hook:
            answer = await hook.send_signed(json.dumps(DM_EVENT).encode())
            assert answer.status_code == 401
            assert hook.assistant.deliveries == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"\xff\xfe", ""),
        (b"{", ""),
        (b"", ""),
        (b"[" * 100_000, ""),
        (b"payload=%ff", "application/x-www-form-urlencoded"),
        (b"payload={", "application/x-www-form-urlencoded"),
        (b"other=1", "application/x-www-form-urlencoded"),
    ],
)
async def test_a_signed_body_that_can_not_be_read_is_a_bad_request(
    hook: Hook, body: bytes, content_type: str
) -> None:
    answer = await hook.send_signed(body, content_type)
    assert answer.status_code == 400
    assert answer.text.endswith(".")


async def test_json_that_is_no_event_is_taken_and_ignored(hook: Hook) -> None:
    for body in (b"[]", b"7", b'"x"', b'{"type": "event_callback"}', b'{"event": {"type": []}}'):
        assert (await hook.send_signed(body)).status_code == 200
    assert hook.assistant.deliveries == []
