"""The whole program with a workspace that installed the app: killed, it serves it again."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from pathlib import Path

from bots.seal import new_key
from tests.fakes.slack import FakeSlack, Rates, Schedule
from tests.support.program import Program
from tests.support.slack_house import Browser

Make = Callable[..., Program]


def answers(slack: FakeSlack, text: str) -> bool:
    return any(text in (one.now.markdown or one.now.text) for one in slack.replies("DU1"))


async def test_an_installed_workspace_is_served_after_a_kill_by_the_next_start(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    quick = Schedule(retries=(0.1, 0.5, 2.0, 5.0))
    async with FakeSlack(schedule=quick, rates=Rates(enforced=False)) as slack:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        slack.workspace.installed = False
        settings = {
            "PORT": str(port),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SLACK__APP_TOKEN": slack.app_token,
            "SLACK__BASE_URL": slack.url,
            "SLACK__CLIENT_ID": slack.oauth.client_id,
            "SLACK__CLIENT_SECRET": slack.oauth.client_secret,
            "SLACK__REDIRECT_URL": f"http://127.0.0.1:{port}/slack/oauth_redirect",
            "SLACK__TOKEN_KEYS": new_key(),
            "SLACK__WORKSPACES": slack.workspace.team_id,
        }
        first = outrider(tmp_path / "data", settings=settings)
        first.start()
        await first.until_ready()
        assert await Browser().installs(first.url, slack.workspace.team_id) == "installed"
        slack.dm("U1", "what of apples?")
        await first.until(lambda: answers(slack, "apples"))
        first.signal(signal.SIGKILL)
        await first.ended()
        again = outrider(tmp_path / "data", settings=settings)
        again.start()
        await again.until_ready()
        slack.dm("U1", "and what of pears?")
        await again.until(lambda: answers(slack, "pears"))
        listed = outrider(tmp_path / "data", settings=settings, command=("slack", "workspaces"))
        listed.start()
        assert await listed.ended(60) == 0, listed.output
        assert listed.output == f"{slack.workspace.team_id} {slack.workspace.name} (by U0ADMIN)\n"
    shown = first.output + again.output + listed.output
    secrets = (settings["SLACK__TOKEN_KEYS"], slack.oauth.client_secret, slack.workspace.token)
    assert [one for one in secrets if one in shown] == []


async def test_installs_that_would_let_anybody_in_are_refused_at_the_start(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    settings = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SLACK__APP_TOKEN": "xapp-hidden-part",
        "SLACK__CLIENT_ID": "1.2",
        "SLACK__CLIENT_SECRET": "hidden-part",
        "SLACK__REDIRECT_URL": "https://bot.test/slack/oauth_redirect",
        "SLACK__TOKEN_KEYS": new_key(),
    }
    said = await outrider(tmp_path / "data", settings=settings).refusal()
    assert "set OUTRIDER_SLACK__WORKSPACES" in said
    assert "hidden-part" not in said


async def test_a_key_is_made_by_a_command(outrider: Make, tmp_path: Path) -> None:
    made = [outrider(tmp_path / name, command=("slack", "key")) for name in ("one", "two")]
    for one in made:
        one.start()
        assert await one.ended(60) == 0, one.output
    keys = [one.output.strip() for one in made]
    assert len(set(keys)) == 2
    kept = {"SLACK__TOKEN_KEYS": ",".join(keys), "ENGINE__PROFILE": "none"}
    said = await outrider(tmp_path / "data", settings=kept).refusal()
    assert "TOKEN_KEYS" not in said
