"""The channels that are configured: opened outward first, connected inward once the service is.

A channel without a token is off, and says so in one line at the start. A token that the platform
refuses turns its channel off, in words, and leaves everything else running.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from fastapi import APIRouter

from assistant.accounts import Account, Accounts
from assistant.channel import Channel, Notices
from assistant.errors import ChannelError, StartupError
from assistant.governed import GovernedChannel
from assistant.governor import Governor
from assistant.service import Assistant
from bots.settings import Settings
from bots.slack.channel import SlackChannel
from bots.slack.client import web_client
from bots.slack.http import router as slack_router
from bots.slack.inbox import SlackInbox
from bots.slack.people import People
from bots.slack.socket import SlackSocket
from bots.telegram.bot import open_bot
from bots.telegram.channel import TelegramChannel
from bots.telegram.poller import TelegramPoller
from bots.telegram.settings import TelegramSettings
from bots.telegram.webhook import TelegramWebhook

log = structlog.get_logger()

DEFAULT = "default"
Say = Callable[[str], None]
Run = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Listener:
    """Takes messages in for as long as it runs. `exclusive`: only one replica may run it."""

    name: str
    run: Run
    exclusive: bool


@dataclass(frozen=True, slots=True)
class Inbound:
    """The ways in of the open channels."""

    listeners: Sequence[Listener]
    routers: Sequence[APIRouter]


# Given the service, and the channel through which notices are said.
Connect = Callable[[Assistant, GovernedChannel], Inbound]


@dataclass(slots=True)
class ChannelSet:
    channels: list[Channel] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    connects: list[Connect] = field(default_factory=list)

    @property
    def by_account(self) -> Mapping[tuple[str, str], Channel]:
        return {(one.name, one.account): one for one in self.channels}

    def add(self, channel: Channel, account: Account, connect: Connect) -> None:
        self.channels.append(channel)
        self.accounts.append(account)
        self.connects.append(connect)

    def connect(self, service: Assistant, governor: Governor) -> Inbound:
        """Build the ways in, now that there is a service to bring messages to."""
        ways = [
            connect(service, GovernedChannel(channel, governor))
            for connect, channel in zip(self.connects, self.channels, strict=True)
        ]
        return Inbound(
            [one for way in ways for one in way.listeners],
            [one for way in ways for one in way.routers],
        )


@asynccontextmanager
async def open_channels(
    settings: Settings, accounts: Accounts, say: Say
) -> AsyncIterator[ChannelSet]:
    """Open every channel that has a token. Raises StartupError for settings that contradict."""
    channels = ChannelSet()
    async with AsyncExitStack() as stack:
        for name, open_channel in (("Telegram", open_telegram), ("Slack", open_slack)):
            if not await open_channel(settings, accounts, channels, stack):
                say(f"{name} is off: {OFF[name]}")
        yield channels


OFF = {
    "Telegram": "set OUTRIDER_TELEGRAM__TOKEN to turn it on.",
    "Slack": "set OUTRIDER_SLACK__BOT_TOKEN, and OUTRIDER_SLACK__APP_TOKEN (Socket Mode) or "
    "OUTRIDER_SLACK__SIGNING_SECRET (HTTP), to turn it on.",
}


async def open_telegram(
    settings: Settings, accounts: Accounts, channels: ChannelSet, stack: AsyncExitStack
) -> bool:
    ours = settings.telegram.by_name()
    for name, telegram in ours.items():
        await open_telegram_account(name, telegram, accounts, channels, stack)
    return bool(ours)


async def open_telegram_account(
    name: str,
    telegram: TelegramSettings,
    accounts: Accounts,
    channels: ChannelSet,
    stack: AsyncExitStack,
) -> None:
    bot = await stack.enter_async_context(open_bot(telegram))
    account = await accounts.register(
        "telegram", name, access=telegram.access, allowlist=frozenset(telegram.allowlist)
    )
    lease = f"telegram:{name}"

    def connect(service: Assistant, notices: Notices) -> Inbound:
        if telegram.webhook_url is not None:
            webhook = TelegramWebhook(bot, notices, service, telegram)
            register = Listener(lease, surviving(lease, webhook.run), exclusive=False)
            return Inbound([register], [webhook.router()])
        poller = TelegramPoller(bot, notices, service)
        return Inbound([Listener(lease, surviving(lease, poller.run), exclusive=True)], [])

    channels.add(
        TelegramChannel(bot, name, drafts=telegram.drafts, rich=telegram.rich), account, connect
    )


async def open_slack(
    settings: Settings, accounts: Accounts, channels: ChannelSet, stack: AsyncExitStack
) -> bool:
    slack = settings.slack
    if slack.bot_token is None:
        return False
    if slack.app_token is None and slack.signing_secret is None:
        raise StartupError(
            "OUTRIDER_SLACK__BOT_TOKEN alone lets nothing in: set OUTRIDER_SLACK__APP_TOKEN "
            "(Socket Mode) or OUTRIDER_SLACK__SIGNING_SECRET (HTTP events) as well."
        )
    client = await stack.enter_async_context(web_client(slack))
    people = People(client)
    channel = SlackChannel(client, account=DEFAULT, people=people)
    account = await accounts.register(
        "slack", DEFAULT, access=slack.access, allowlist=frozenset(slack.allowlist)
    )

    def connect(service: Assistant, notices: GovernedChannel) -> Inbound:
        inbox = SlackInbox(
            service,
            notices,
            client,
            people,
            outsiders=slack.outsiders,
            within=notices.within,
        )
        listeners: list[Listener] = []
        routers: list[APIRouter] = []
        if slack.app_token is not None:
            socket = SlackSocket(client, slack.app_token, inbox)
            listeners.append(Listener("slack:default", surviving("Slack", socket.run), False))
        if slack.signing_secret is not None:
            routers.append(slack_router(inbox, slack.signing_secret))
        return Inbound(listeners, routers)

    channels.add(channel, account, connect)
    return True


def surviving(
    name: str, run: Callable[[], Coroutine[Any, Any, None]]
) -> Callable[[], Coroutine[Any, Any, None]]:
    """A channel that the platform refuses is off; the others go on."""

    async def guarded() -> None:
        try:
            await run()
        except ChannelError as error:
            log.error("channel_off", channel=name, code=error.code, reason=str(error))

    return guarded
