"""Updates by webhook: only from Telegram, and "received" only after the commit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from assistant.errors import StartupError
from bots.telegram.bot import open_bot
from bots.telegram.channel import TelegramChannel
from bots.telegram.parse import kinds_of
from bots.telegram.settings import TelegramSettings
from bots.telegram.webhook import PATH, SECRET_HEADER, TelegramWebhook
from tests.fakes.telegram import FakeTelegram, Limits
from tests.support.recording_assistant import RecordingAssistant
from tests.support.serving import serving

SECRET = "a-secret-of-this-test-only"


def settings(telegram_url: str, webhook_url: str, secret: str = SECRET) -> TelegramSettings:
    return TelegramSettings(
        token=SecretStr("1234567:fake-telegram-token"),
        base_url=telegram_url,
        webhook_url=webhook_url,
        webhook_secret=SecretStr(secret),
    )


@asynccontextmanager
async def listening(telegram: FakeTelegram, assistant: RecordingAssistant) -> AsyncIterator[str]:
    """The webhook's address, already known to Telegram."""
    app = FastAPI()
    async with serving(app) as address:
        ours = settings(telegram.url, f"{address}{PATH}")
        async with open_bot(ours) as bot:
            webhook = TelegramWebhook(bot, TelegramChannel(bot, "default"), assistant, ours)
            app.include_router(webhook.router())
            await webhook.run()
            yield f"{address}{PATH}"


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(limits=Limits.none()) as fake:
        yield fake


async def test_updates_that_waited_and_new_ones_arrive(telegram: FakeTelegram) -> None:
    assistant = RecordingAssistant()
    telegram.user_says(7, "before")
    async with listening(telegram, assistant):
        telegram.user_says(7, "after")
        await telegram.until(lambda: len(assistant.accepted) == 2)
        await telegram.until(lambda: not telegram.queue.pending)
    assert all(message.arrival.acknowledged for message in assistant.accepted)
    assert [message.text for message in assistant.accepted] == ["before", "after"]


async def test_exactly_what_is_understood_is_asked_for_and_nothing_that_waits_is_dropped(
    telegram: FakeTelegram,
) -> None:
    telegram.user_says(7, "before")
    assistant = RecordingAssistant()
    async with listening(telegram, assistant):
        await telegram.until(lambda: assistant.accepted)
    (call,) = telegram.calls_of("setWebhook")
    assert call.params["allowed_updates"] == list(kinds_of(inline=False, guest=False))
    assert telegram.first_bot.dropped_pending == 0


async def test_what_is_not_stored_is_not_acknowledged(telegram: FakeTelegram) -> None:
    assistant = RecordingAssistant()
    assistant.failures_left = 2
    async with listening(telegram, assistant):
        telegram.user_says(7, "hold on to it")
        await telegram.until(lambda: not telegram.queue.pending)
    assert [message.text for message in assistant.accepted] == ["hold on to it"]


@pytest.mark.parametrize("headers", [{}, {SECRET_HEADER: "wrong"}, {SECRET_HEADER: ""}])
async def test_who_does_not_know_the_secret_is_refused(
    telegram: FakeTelegram, headers: dict[str, str]
) -> None:
    assistant = RecordingAssistant()
    update = {"update_id": 1, "message": telegram.chat(7).payload(telegram.user_says(7, "x"))}
    telegram.queue.pending.clear()
    async with listening(telegram, assistant) as address, httpx.AsyncClient() as client:
        answer = await client.post(address, json=update, headers=headers)
        assert answer.status_code == 401
        right = await client.post(address, json=update, headers={SECRET_HEADER: SECRET})
        assert right.status_code == 200
    assert len(assistant.accepted) == 1


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"{", b"[" * 100_000])
async def test_a_body_that_is_no_json_is_a_bad_request(telegram: FakeTelegram, body: bytes) -> None:
    headers = {SECRET_HEADER: SECRET}
    async with (
        listening(telegram, RecordingAssistant()) as address,
        httpx.AsyncClient() as client,
    ):
        assert (await client.post(address, content=body, headers=headers)).status_code == 400
        odd = await client.post(address, content=b"[1]", headers=headers)
        assert odd.status_code == 200


async def test_before_telegram_told_who_we_are_updates_must_wait(telegram: FakeTelegram) -> None:
    app = FastAPI()
    async with serving(app) as address:
        ours = settings(telegram.url, f"{address}{PATH}")
        async with open_bot(ours) as bot, httpx.AsyncClient() as client:
            channel = TelegramChannel(bot, "default")
            webhook = TelegramWebhook(bot, channel, RecordingAssistant(), ours)
            app.include_router(webhook.router())
            headers = {SECRET_HEADER: SECRET}
            answer = await client.post(f"{address}{PATH}", json={"update_id": 1}, headers=headers)
    assert answer.status_code == 503


@pytest.mark.parametrize(
    ("base_url", "url", "secret"),
    [
        ("https://api.telegram.org", f"http://example.org{PATH}", SECRET),
        ("https://api.telegram.org", "https://example.org/elsewhere", SECRET),
        ("https://api.telegram.org", f"https://example.org{PATH}", ""),
        ("https://api.telegram.org", f"https://example.org{PATH}", "too-short"),
    ],
)
async def test_settings_that_would_not_work_are_said_at_the_start(
    base_url: str, url: str, secret: str
) -> None:
    ours = settings(base_url, url, secret)
    async with open_bot(ours) as bot:
        with pytest.raises(StartupError, match="OUTRIDER_TELEGRAM__WEBHOOK"):
            TelegramWebhook(bot, TelegramChannel(bot, "default"), RecordingAssistant(), ours)
