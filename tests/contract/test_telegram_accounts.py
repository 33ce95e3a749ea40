"""Several bots of ours at once: each with its own token, people, way in and webhook."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from assistant.errors import StartupError
from bots.telegram.settings import TelegramSettings
from bots.telegram.webhook import SECRET_HEADER
from bots.telegram.webhook_command import remove, set_up, show
from tests.fakes.telegram import FakeTelegram, Limits
from tests.fakes.telegram.bots import FakeBot
from tests.support.program import Program, programs

SALES = "7654321:the-second-fake-token"
SECRET = "a-secret-of-this-test-only"
Make = Callable[..., Program]


@pytest.fixture
def outrider() -> Iterator[Make]:
    with programs() as make:
        yield make


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(limits=Limits.none()) as fake:
        yield fake


@pytest.fixture
async def sales(telegram: FakeTelegram) -> FakeBot:
    return telegram.add_bot(SALES, "SalesBot")


def one_account(telegram: FakeTelegram, database_url: str, redis_url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "TELEGRAM__BASE_URL": telegram.url,
        "TELEGRAM__TOKEN": telegram.token,
        "TELEGRAM__ACCESS": "open",
    }


def two_accounts(telegram: FakeTelegram, database_url: str, redis_url: str) -> dict[str, str]:
    return one_account(telegram, database_url, redis_url) | {
        "TELEGRAM__ACCOUNTS__SALES__TOKEN": SALES,
        "TELEGRAM__ACCOUNTS__SALES__ACCESS": "open",
    }


def said(telegram: FakeTelegram, bot: FakeBot | None = None) -> str:
    return "".join(message.text for message in telegram.messages(7, bot))


async def test_each_bot_answers_its_own_people_and_knows_nothing_of_the_others(
    telegram: FakeTelegram,
    sales: FakeBot,
    outrider: Make,
    tmp_path: Path,
    database_url: str,
    redis_url: str,
) -> None:
    ours = two_accounts(telegram, database_url, redis_url)
    program = outrider(tmp_path / "data", settings=ours)
    program.start()
    await program.until_ready()
    telegram.user_says(7, "walnut")
    await telegram.until(lambda: "walnut" in said(telegram), timeout=30)
    telegram.user_says(7, "pecan", bot=sales)
    await telegram.until(lambda: "pecan" in said(telegram, sales), timeout=30)
    assert "pecan" not in said(telegram)
    assert "walnut" not in said(telegram, sales)
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT name FROM accounts WHERE channel = 'telegram'")
        assert {row[0] for row in rows} == {"default", "sales"}
        count = connection.execute("SELECT count(*) FROM conversations WHERE chat_id = '7'")
        assert count.fetchone() == (2,)
        leases = connection.execute("SELECT name FROM leases WHERE name ^@ 'telegram:'")
        assert {row[0] for row in leases} == {"telegram:default", "telegram:sales"}


async def test_a_wrong_token_of_one_leaves_the_other_at_work(
    telegram: FakeTelegram, outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    ours = two_accounts(telegram, database_url, redis_url)
    program = outrider(tmp_path / "data", settings=ours)  # the fake knows no SALES
    program.start()
    await program.until_ready()
    telegram.user_says(7, "walnut")
    await telegram.until(lambda: "walnut" in said(telegram), timeout=30)
    await program.until(lambda: "OUTRIDER_TELEGRAM__ACCOUNTS__SALES__TOKEN" in program.output)
    assert SALES not in program.output


async def test_each_webhook_has_a_path_and_a_secret_of_its_own(
    telegram: FakeTelegram,
    sales: FakeBot,
    outrider: Make,
    tmp_path: Path,
    database_url: str,
    redis_url: str,
) -> None:
    ours = two_accounts(telegram, database_url, redis_url) | {
        "TELEGRAM__WEBHOOK_URL": "http://127.0.0.1:1/webhooks/telegram",
        "TELEGRAM__WEBHOOK_SECRET": SECRET,
        "TELEGRAM__ACCOUNTS__SALES__WEBHOOK_URL": "http://127.0.0.1:1/webhooks/telegram/sales",
        "TELEGRAM__ACCOUNTS__SALES__WEBHOOK_SECRET": f"{SECRET}-2",
    }
    program = outrider(tmp_path / "data", settings=ours)
    program.start()
    await program.until_ready()
    await telegram.until(lambda: telegram.first_bot.webhook and sales.webhook)
    assert sales.webhook["url"].endswith("/webhooks/telegram/sales")
    update = {"update_id": 5, "message": {"message_id": 1, "date": 1, "text": "pecan"}}
    update["message"] |= {"chat": {"id": 7, "type": "private"}, "from": telegram.person(7)}
    telegram.chat(7, sales)
    async with httpx.AsyncClient(trust_env=False) as client:

        async def post(path: str, secret: str) -> int:
            headers = {SECRET_HEADER: secret}
            answer = await client.post(f"{program.url}{path}", json=update, headers=headers)
            return answer.status_code

        assert await post("/webhooks/telegram", f"{SECRET}-2") == 401
        assert await post("/webhooks/telegram/sales", SECRET) == 401
        assert await post("/webhooks/telegram/others", SECRET) == 404
        assert await post("/webhooks/telegram/sales", f"{SECRET}-2") == 200
    await telegram.until(lambda: "pecan" in said(telegram, sales), timeout=30)
    assert said(telegram) == ""


async def test_a_webhook_without_a_secret_keeps_outrider_from_starting(
    telegram: FakeTelegram, outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    ours = two_accounts(telegram, database_url, redis_url) | {
        "TELEGRAM__ACCOUNTS__SALES__WEBHOOK_URL": "https://example.org/webhooks/telegram/sales"
    }
    refusal = await outrider(tmp_path / "data", settings=ours).refusal()
    assert "OUTRIDER_TELEGRAM__ACCOUNTS__SALES__WEBHOOK_SECRET must be set" in refusal
    assert telegram.calls_of("setWebhook") == []


async def test_a_webhook_is_shown_set_and_removed_by_hand_and_drops_nothing(
    telegram: FakeTelegram,
) -> None:
    ours = TelegramSettings(
        token=SecretStr(telegram.token),
        base_url=telegram.url,
        webhook_url="http://127.0.0.1:1/webhooks/telegram",
        webhook_secret=SecretStr(SECRET),
    )
    said: list[str] = []
    telegram.user_says(7, "waits")
    await show(ours, "default", said.append)
    assert "updates are polled for" in said[0]
    await set_up(ours, "default", said.append)
    assert telegram.first_bot.webhook["secret_token"] == SECRET
    said.clear()
    await show(ours, "default", said.append)
    assert said[:2] == [
        "Address: http://127.0.0.1:1/webhooks/telegram",
        "Waiting at Telegram: 1",
    ]
    await remove(ours, "default", said.append)
    assert telegram.first_bot.webhook == {}
    assert len(telegram.queue.pending) == 1
    assert telegram.first_bot.dropped_pending == 0
    assert SECRET not in "".join(said)
    with pytest.raises(StartupError, match="OUTRIDER_TELEGRAM__ACCOUNTS__SALES__TOKEN"):
        await show(ours, "sales", said.append)


async def test_the_command_shows_the_webhook(
    telegram: FakeTelegram, outrider: Make, tmp_path: Path
) -> None:
    ours = {"TELEGRAM__BASE_URL": telegram.url, "TELEGRAM__TOKEN": telegram.token}
    command = ("telegram", "webhook", "show")
    program = outrider(tmp_path / "data", settings=ours, command=command)
    program.start()
    assert await program.ended(60) == 0, program.output
    assert "updates are polled for" in program.output


async def test_the_first_messages_to_another_bot_under_the_same_name_are_answered(
    telegram: FakeTelegram,
    sales: FakeBot,
    outrider: Make,
    tmp_path: Path,
    database_url: str,
    redis_url: str,
) -> None:
    ours = one_account(telegram, database_url, redis_url)
    first = outrider(tmp_path / "first", settings=ours)
    first.start()
    await first.until_ready()
    telegram.user_says(7, "walnut")
    await telegram.until(lambda: "walnut" in said(telegram), timeout=30)
    first.signal(signal.SIGTERM)
    assert await first.ended() == 0, first.output
    second = outrider(tmp_path / "second", settings=ours | {"TELEGRAM__TOKEN": SALES})
    second.start()
    await second.until_ready()
    assert "account_begins_anew" in second.output
    # Its ids begin low again: this one's is that of the first bot's first.
    telegram.user_says(7, "pecan", bot=sales)
    await telegram.until(lambda: "pecan" in said(telegram, sales), timeout=30)
    assert "walnut" not in said(telegram, sales)
