"""Several workspaces, each installed by OAuth, against a server that acts like slack.com."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from bots.slack.seal import Seal, new_key
from tests.fakes.slack import FakeSlack, Rates, Schedule
from tests.support.house import until
from tests.support.slack_house import KEY, Browser, SlackHouse, installable, slack_house

SECOND = "T0SECOND"
QUICK = Schedule(ack_seconds=3.0, retries=(0.05, 0.2, 0.5))


@dataclass
class Stage:
    """A fake slack.com with two workspaces, neither of which has the app."""

    slack: FakeSlack
    database_url: str
    redis_url: str
    port: int = field(default_factory=lambda: free_port())

    def __post_init__(self) -> None:
        self.first = self.slack
        self.second = self.slack.add_workspace(SECOND, "Second", installed=False)
        self.first.workspace.installed = False
        self.first.workspace.dead_tokens[self.first.workspace.token] = "account_inactive"

    @property
    def team(self) -> str:
        return self.first.workspace.team_id

    @asynccontextmanager
    async def gateway(
        self, *, port: int | None = None, listens: bool = True, **values: Any
    ) -> AsyncIterator[SlackHouse]:
        """`values` are settings of Slack's; `listens`: Slack sends its events there."""
        named = ("password", "tokens_per_second", "answer_tokens")
        more = {name: values.pop(name) for name in named if name in values}
        at = self.port if port is None else port
        given = installable(self.slack, at, **values)
        async with slack_house(given, self.database_url, self.redis_url, port=at, **more) as here:
            if listens:
                await self.slack.subscribe(f"{here.url}/webhooks/slack")
            yield here

    async def both_installed(self, here: SlackHouse) -> None:
        for team in (self.team, SECOND):
            assert await Browser().installs(here.url, team) == "installed"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
async def stage(database_url: str, redis_url: str) -> AsyncIterator[Stage]:
    async with FakeSlack(schedule=QUICK, rates=Rates(enforced=False)) as slack:
        yield Stage(slack, database_url, redis_url)


def said(people: Any, channel: str) -> list[str]:
    return [reply.now.markdown or reply.now.text for reply in people.replies(channel)]


async def answered(people: Any, channel: str, text: str, times: int = 1) -> None:
    """An answer that has this text stands there, whole."""
    await until(lambda: sum(text in one for one in said(people, channel)) == times, seconds=30)


# --- installing


async def test_two_workspaces_install_the_app_and_each_is_answered_in_its_own(
    stage: Stage,
) -> None:
    async with stage.gateway() as here:
        await stage.both_installed(here)
        assert here.accounts == {stage.team, SECOND}
        stage.first.dm("U1", "what of apples?")
        stage.second.dm("U1", "what of pears?")
        await answered(stage.first, "DU1", "apples")
        await answered(stage.second, "DU1", "pears")
        assert not any("pears" in one for one in said(stage.first, "DU1"))
        assert not any("apples" in one for one in said(stage.second, "DU1"))
        posts = stage.slack.calls_of("chat.postMessage")
        assert {(call.team, call.error) for call in posts} == {(stage.team, ""), (SECOND, "")}
