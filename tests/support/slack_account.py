"""The service with a Slack workspace over real HTTP and a real WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from pydantic import SecretStr

from assistant.channel import Act, Pace
from assistant.outgoing.governed import GovernedChannel
from assistant.settings import AssistantSettings
from bots.slack.channel import SlackChannel
from bots.slack.client import web_client
from bots.slack.inbox import SlackInbox
from bots.slack.people import People
from bots.slack.settings import SlackSettings
from bots.slack.socket import SlackSocket
from inference.api import Engine
from tests.fakes.slack import FakeSlack
from tests.support.house import FAST, House, house, running, until, working
from tests.support.orders import quick


class BriskChannel(SlackChannel):
    """At a pace that tests can wait for; the fake's own rates are off with it."""

    def pace_of(self, act: Act, message_id: str = "") -> Pace:
        return Pace(0.01, 0.01, 1000.0)


@asynccontextmanager
async def slack_account(
    slack: FakeSlack,
    database_url: str,
    redis_url: str,
    *,
    assistant: AssistantSettings = FAST,
    engine: Engine | None = None,
    **settings: Any,
) -> AsyncIterator[House]:
    """`settings` are the account's."""
    given = SlackSettings(bot_token=SecretStr(slack.bot_token), base_url=slack.url, **settings)
    engine = engine or quick()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(web_client(given))
        people = People(client)
        channel: Any = BriskChannel(client, people=people)
        built = house(
            database_url,
            redis_url,
            settings=assistant,
            access=given.access,
            allowlist=frozenset(given.allowlist),
            screen=channel,
        )
        home = await stack.enter_async_context(built)
        await stack.enter_async_context(working(home.worker(engine)))
        notices = GovernedChannel(channel, home.delivery.governor)
        inbox = SlackInbox(
            home.service,
            notices,
            client,
            people,
            outsiders=given.outsiders,
            within=notices.within,
        )
        socket = SlackSocket(client, SecretStr(slack.app_token), inbox)
        await stack.enter_async_context(running(asyncio.create_task(socket.run())))
        await slack.until(lambda: bool(slack.courier.sockets.open))
        yield home


async def settled(slack: FakeSlack, home: House) -> None:
    """All that people did is acknowledged, and no answer is under way."""

    async def still() -> bool:
        live = "SELECT FROM deliveries WHERE state IN ('pending', 'active', 'removing')"
        return slack.courier.idle and not await home.rows(live)

    await until(still, seconds=30)
