"""The service with a Telegram account over real HTTP: what comes is polled, answers are shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from pydantic import SecretStr

from assistant.channel import Act, Pace
from assistant.messages import Access
from assistant.outgoing.governed import GovernedChannel
from bots.telegram.bot import open_bot
from bots.telegram.channel import TelegramChannel
from bots.telegram.poller import TelegramPoller
from bots.telegram.settings import TelegramSettings
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.fakes.telegram import FakeTelegram
from tests.support.house import FAST, House, house, running, until, working


class BriskChannel(TelegramChannel):
    """At a pace that tests can wait for; the fake's own limits are off with it."""

    def pace_of(self, act: Act, message_id: str = "") -> Pace:
        return Pace(0.01, 0.01, 1000.0)


@asynccontextmanager
async def telegram_house(
    telegram: FakeTelegram,
    database_url: str,
    redis_url: str,
    *,
    access: Access = "open",
    tokens_per_second: float = 2000.0,
    answer_tokens: int = 12,
    vision: bool = False,
    **settings: Any,
) -> AsyncIterator[House]:
    """`settings` are the account's."""
    given = TelegramSettings(
        token=SecretStr(telegram.token), base_url=telegram.url, access=access, **settings
    )
    engine = ScriptedEngine(
        ScriptedSettings(
            tokens_per_second=tokens_per_second, answer_tokens=answer_tokens, vision=vision
        )
    )
    async with AsyncExitStack() as stack:
        bot = await stack.enter_async_context(open_bot(given))
        channel: Any = BriskChannel(bot, "default", drafts=given.drafts, rich=given.rich)
        built = house(
            database_url,
            redis_url,
            settings=FAST,
            access=access,
            allowlist=frozenset(given.allowlist),
            screen=channel,
        )
        home = await stack.enter_async_context(built)
        await stack.enter_async_context(working(home.worker(engine)))
        notices = GovernedChannel(channel, home.delivery.governor)
        poller = TelegramPoller(bot, notices, home.service, retry_seconds=(0.05, 0.2))
        await stack.enter_async_context(running(asyncio.create_task(poller.run())))
        yield home


async def delivered(home: House, count: int = 1) -> list[tuple[Any, ...]]:
    """State, error and lost placeholders of the deliveries, when so many have ended."""

    async def ended() -> bool:
        return len(await home.rows("SELECT FROM deliveries WHERE finished_at IS NOT NULL")) >= count

    await until(ended, seconds=30)
    return await home.rows(
        "SELECT state, error, placeholders_left FROM deliveries ORDER BY turn_id"
    )


async def settled(telegram: FakeTelegram, home: House) -> None:
    """All that was said to us is taken in, and nothing is under way."""

    async def still() -> bool:
        live = "SELECT FROM deliveries WHERE state IN ('pending', 'active', 'removing')"
        return not telegram.queue.pending and not await home.rows(live)

    await until(still, seconds=30)
