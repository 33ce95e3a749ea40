"""Who people are, asked of a server that acts like slack.com."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from bots.slack.client import web_client
from bots.slack.people import ASKS_A_MINUTE, People
from bots.slack.settings import SlackSettings
from tests.fakes.slack import FakeSlack, HandClock

PATIENCE = 60.0  # the machine may be busy: how long a message waits is not what these tests ask


@dataclass
class Slack:
    fake: FakeSlack
    people: People
    clock: HandClock

    def asked(self) -> int:
        return sum(call.method == "users.info" for call in self.fake.calls)

    def refused(self) -> int:
        return sum(call.error != "" for call in self.fake.calls)


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    clock = HandClock()
    async with FakeSlack(clock=clock) as fake:
        settings = SlackSettings(bot_token=SecretStr(fake.bot_token), base_url=fake.url)
        async with web_client(settings) as client:
            yield Slack(fake, People(client, clock), clock)


async def test_two_who_ask_for_the_same_person_at_once_ask_slack_once(slack: Slack) -> None:
    slack.fake.workspace.person("U1", "Ada")
    first, second = await asyncio.gather(
        slack.people.of(["U1"], PATIENCE), slack.people.of(["U1"], PATIENCE)
    )
    assert first["U1"].name == second["U1"].name == "Ada"
    assert slack.asked() == 1


async def test_a_crowd_of_strangers_asks_for_no_more_than_slack_takes(slack: Slack) -> None:
    ids = [f"U{number}" for number in range(150)]
    for one in ids:
        slack.fake.workspace.person(one, f"Person {one}")
    known = await slack.people.of(ids, PATIENCE)
    assert len(known) == slack.asked() == ASKS_A_MINUTE
    slack.clock.advance(61)
    assert len(await slack.people.of(ids, PATIENCE)) == 150
    assert slack.refused() == 0
