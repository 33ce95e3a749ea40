"""`outrider doctor` against servers, tokens and ports that are as a person may have them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from bots.cli.doctor import machine, platforms, storage
from bots.cli.doctor.finding import Check, Finding
from bots.seal import new_key
from bots.settings import Settings
from bots.slack.settings import SlackSettings
from bots.telegram.settings import TelegramSettings
from inference.settings import EngineSettings
from tests.fakes.hub import HubServer
from tests.fakes.slack import FakeSlack
from tests.fakes.telegram import FakeTelegram
from tests.support.checkpoint import checkpoint
from tests.support.program import Program

Make = Callable[..., Program]
WRONG = "1234567:wrong-token"


@pytest.fixture(autouse=True)
def nobodys_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def found(check: Callable[..., object], **values: object) -> Finding:
    return await Check("", check).find(Settings().model_copy(update=values))  # type: ignore[arg-type]


async def telegram(fake: FakeTelegram, token: str, url: str = "") -> Finding:
    given = TelegramSettings(token=SecretStr(token), base_url=url or fake.url)
    finding = await found(platforms.telegram, telegram=given)
    assert token.partition(":")[2] not in finding.said
    return finding


async def test_a_telegram_token_is_shown_to_telegram() -> None:
    async with FakeTelegram() as fake:
        right = await telegram(fake, fake.token)
        assert (right.verdict, fake.bot["username"] in right.said) == ("fine", True)
        wrong = await telegram(fake, WRONG)
        assert wrong.verdict == "fails"
        assert "from @BotFather into OUTRIDER_TELEGRAM__TOKEN" in wrong.said
        nowhere = await telegram(fake, fake.token, "http://127.0.0.1:1")
        assert nowhere.verdict == "fails"
        assert "OUTRIDER_TELEGRAM__BASE_URL" in nowhere.said
        assert {call.method for call in fake.calls} == {"getMe"}  # nothing is changed there


async def test_the_disk_must_take_what_is_to_be_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    server = HubServer()
    server.add("org/tiny-llama", checkpoint())
    await server.start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    engine = EngineSettings(profile="demo", model="org/tiny-llama")

    async def disk() -> Finding:
        return await found(machine.disk, data_dir=tmp_path / "data", engine=engine)

    assert (await disk()).verdict == "fine"
    server.stated_bytes["model-00002-of-00003.safetensors"] = 1 << 60
    large = await disk()
    assert (large.verdict, "1152921505.7 GB are needed" in large.said) == ("fails", True)
    await server.stop()
    unknown = await disk()
    assert (unknown.verdict, "could not be found out" in unknown.said) == ("note", True)


async def slack(fake: FakeSlack, **values: str) -> Finding:
    given = {"bot_token": fake.bot_token, "app_token": fake.app_token} | values
    finding = await found(platforms.slack, slack=SlackSettings(base_url=fake.url, **given))  # type: ignore[arg-type]
    assert not any(token in finding.said for token in given.values() if token)
    return finding


async def test_slack_tokens_are_shown_to_slack() -> None:
    async with FakeSlack() as fake:
        assert (await slack(fake)).verdict == "fine"
        wrong = await slack(fake, bot_token="xoxb-wrong")
        assert (wrong.verdict, wrong.said[:25]) == ("fails", "OUTRIDER_SLACK__BOT_TOKEN")
        wrong = await slack(fake, app_token="xapp-wrong")
        assert (wrong.verdict, wrong.said[:25]) == ("fails", "OUTRIDER_SLACK__APP_TOKEN")
        neither = await slack(fake, app_token="")
        assert "set OUTRIDER_SLACK__APP_TOKEN (Socket Mode) or" in neither.said
        signed = await slack(fake, app_token="", signing_secret="s" * 32)
        assert (signed.verdict, "by HTTP events" in signed.said) == ("fine", True)


async def test_the_secret_of_an_app_that_workspaces_install_is_shown_to_slack() -> None:
    async with FakeSlack() as fake:
        installs = {
            "client_id": fake.oauth.client_id,
            "client_secret": fake.oauth.client_secret,
            "redirect_url": "https://bot.test/slack/oauth_redirect",
            "token_keys": new_key(),
            "workspaces": "T1",
        }

        async def said(**other: str) -> Finding:
            given = {"bot_token": "", "app_token": fake.app_token} | installs | other
            settings = SlackSettings.model_validate({"base_url": fake.url} | given)
            return await found(platforms.slack, slack=settings)

        right = await said()
        assert (right.verdict, "in listed workspaces" in right.said) == ("fine", True)
        wrong = await said(client_secret="hidden-part")
        assert (wrong.verdict, wrong.said[:29]) == ("fails", "OUTRIDER_SLACK__CLIENT_SECRET")
        assert "hidden-part" not in wrong.said
        assert "without OUTRIDER_SLACK__TOKEN_KEYS" in (await said(token_keys="")).said
        assert "Anybody could add" in (await said(workspaces="")).said


async def test_a_given_database_is_current_older_newer_or_away(database_url: str) -> None:
    url = SecretStr(database_url)
    assert (
        "The database answers, with schema"
        in (await found(storage.database, database_url=url)).said
    )
    for version, verdict, sentence in (
        ("", "note", "run 'outrider db upgrade'"),
        ("9999", "fails", "The database is of a newer Outrider"),
    ):
        with psycopg.connect(database_url) as connection:
            connection.execute("DELETE FROM alembic_version")
            if version:
                connection.execute("INSERT INTO alembic_version VALUES (%s)", [version])
        finding = await found(storage.database, database_url=url)
        assert (finding.verdict, sentence in finding.said) == (verdict, True)
    away = SecretStr("postgresql://u:hidden-part@127.0.0.1:1/d")
    finding = await found(storage.database, database_url=away)
    assert (finding.verdict, "hidden-part" in finding.said) == ("fails", False)


async def test_a_given_redis_answers_or_refuses_or_is_away(redis_url: str) -> None:
    assert (await found(storage.redis, redis_url=SecretStr(redis_url))).said == "Redis answers."
    scheme, _, rest = redis_url.partition("://:")
    other = f"{scheme}://:hidden-part@{rest.partition('@')[2]}"
    refused = await found(storage.redis, redis_url=SecretStr(other))
    assert "refuses the user or the password in OUTRIDER_REDIS_URL" in refused.said
    away = await found(storage.redis, redis_url=SecretStr("redis://:hidden-part@127.0.0.1:1/0"))
    assert "Redis doesn't answer: check OUTRIDER_REDIS_URL" in away.said
    assert "hidden-part" not in refused.said + away.said


async def test_all_is_well_before_the_first_start_and_beside_a_running_one(
    outrider: Make, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        settings = {"PORT": str(free.getsockname()[1])}
    before = outrider(tmp_path / "data", settings=settings, command=("doctor",))
    before.start()
    assert await before.ended(60) == 0, before.output
    assert "The embedded PostgreSQL 18 starts here." in before.output
    assert "The embedded Valkey starts here." in before.output
    assert not (tmp_path / "data").exists()
    running = outrider(tmp_path / "data", settings=settings)
    running.start()
    await running.until_ready()
    beside = outrider(tmp_path / "data", settings=settings, command=("doctor",))
    beside.start()
    assert await beside.ended(60) == 0, beside.output
    assert "The embedded PostgreSQL runs, with schema" in beside.output
    assert f"This data directory's Outrider runs at {running.url}." in beside.output
    await running.until_ready()


async def test_failing_lines_are_counted_and_end_in_status_1(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = {
            "PORT": str(taken.getsockname()[1]),
            "ENGINE__PROFILE": "remote",
            "SLACK__BOT_TOKEN": "xoxb-hidden-part",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
        }
        said = await outrider(tmp_path / "d", settings=settings, command=("doctor",)).refusal()
    assert "is in use by another program" in said
    assert "set OUTRIDER_ENGINE__BASE_URL" in said
    assert "OUTRIDER_SLACK__BOT_TOKEN alone lets nothing in" in said
    assert "3 of 13 need something done." in said
    assert "hidden-part" not in said
