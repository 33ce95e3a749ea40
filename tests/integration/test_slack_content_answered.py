"""What people send in Slack, from the fake's wire to the answer in the thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from assistant.channel import Pace
from assistant.outgoing.governed import GovernedChannel
from bots.slack.channel import SlackChannel
from bots.slack.client import web_client
from bots.slack.inbox import SlackInbox
from bots.slack.settings import SlackSettings
from bots.slack.socket import SlackSocket
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.fakes.slack import FakeSlack, Rates
from tests.support.house import House, house, running, until, working
from tests.support.listening_slack import PATIENT
from tests.support.pictures import png


class BriskChannel(SlackChannel):
    """At a pace that tests can wait for; the fake's own limits are off with it."""

    @property
    def pace(self) -> Pace:
        return Pace(0.01, 0.01, 1000.0)


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack(schedule=PATIENT, rates=Rates(enforced=False)) as fake:
        yield fake


@asynccontextmanager
async def answering(slack: FakeSlack, database_url: str, redis_url: str) -> AsyncIterator[House]:
    settings = SlackSettings(bot_token=SecretStr(slack.bot_token), base_url=slack.url)
    engine = ScriptedEngine(ScriptedSettings(tokens_per_second=2000.0, vision=True))
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(web_client(settings))
        channel: Any = BriskChannel(client)
        home = await stack.enter_async_context(house(database_url, redis_url, screen=channel))
        await stack.enter_async_context(working(home.worker(engine)))
        notices = GovernedChannel(channel, home.delivery.governor)
        inbox = SlackInbox(home.service, notices, client)
        socket = SlackSocket(client, SecretStr(slack.app_token), inbox)
        await stack.enter_async_context(running(asyncio.create_task(socket.run())))
        await slack.until(lambda: bool(slack.courier.sockets.open))
        yield home


async def answers(slack: FakeSlack, home: House, channel: str) -> list[str]:
    """Every text that an answer there ever had, once all is settled."""

    async def settled() -> bool:
        live = "SELECT FROM deliveries WHERE state IN ('pending', 'active', 'removing')"
        return bool(slack.replies(channel)) and not await home.rows(live)

    await until(settled, seconds=30)
    [reply] = slack.replies(channel)
    return [version.markdown for version in reply.versions]


async def test_a_slow_picture_is_waited_for_and_answered_once(
    slack: FakeSlack, database_url: str, redis_url: str
) -> None:
    picture = slack.file("cat.png", png(4, 3), "image/png")
    picture.held = asyncio.Event()
    async with answering(slack, database_url, redis_url) as home:
        slack.share("DU1", "U1", picture, text="who is it?")
        [delivery] = slack.deliveries
        await delivery.acknowledged.wait()
        picture.held.set()
        shown = await answers(slack, home, "DU1")
    assert delivery.attempts == 1
    assert shown[-1].startswith("You wrote 1 message, with 1 image, the last one: who is it?")
    told = [one for one in shown if one.startswith("You wrote")]
    assert all("with 1 image" in one for one in told)


async def test_a_thread_is_answered_from_and_forgotten_with_its_conversation(
    slack: FakeSlack, database_url: str, redis_url: str
) -> None:
    root = slack.write("C1", "U1", "We ship on Friday.")
    async with answering(slack, database_url, redis_url) as home:
        slack.mention("C1", "U2", "When do we ship?", thread_ts=root.ts)
        await answers(slack, home, "C1")
        stored = "SELECT kind, text FROM attachments"
        assert await home.rows(stored) == [("thread", "> U1 wrote: We ship on Friday.")]
        assert await home.rows("SELECT text FROM messages") == [("When do we ship?",)]
        [(conversation,)] = await home.rows("SELECT id FROM conversations")
        await home.service.commands.erasure.conversation(conversation)
        assert await home.rows(stored) == []
