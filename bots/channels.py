"""The channels that are configured: opened outward first, connected inward once the service is.

A channel without a token is off, and says so in one line at the start. A token that the platform
refuses turns its channel off, in words, and leaves everything else running.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from fastapi import APIRouter
from pydantic import SecretStr
from redis.asyncio import Redis

from assistant.accounts import Account, Accounts
from assistant.channel import Channel
from assistant.errors import ChannelError, StartupError
from assistant.lines import EVERY, Line, Lines
from assistant.outgoing.governed import GovernedChannel
from assistant.outgoing.governor import Governor
from assistant.outgoing.open_channels import OpenChannels
from assistant.service import Assistant
from assistant.storage.installs import Installs
from bots.seal import Seal
from bots.settings import Settings
from bots.slack.client import client_of, slack_session, watched_client
from bots.slack.http import router as slack_router
from bots.slack.inbox import SlackInbox
from bots.slack.install.install_pages import InstallPages
from bots.slack.install.install_states import InstallStates
from bots.slack.install.installs import CHANNEL as SLACK
from bots.slack.install.installs import SlackInstalls
from bots.slack.install.oauth import OAuthApp
from bots.slack.install.workspace import Bot, Workspace
from bots.slack.install.workspaces import Workspaces
from bots.slack.settings import SlackSettings
from bots.slack.socket import SlackSocket
from bots.telegram.bot import open_bot
from bots.telegram.channel import TelegramChannel
from bots.telegram.poller import TelegramPoller
from bots.telegram.settings import TelegramSettings
from bots.telegram.webhook import TelegramWebhook
from bots.ways_in import Listener, Run

DEFAULT = "default"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Inbound:
    """The ways in of the open channels."""

    listeners: Sequence[Listener]
    routers: Sequence[APIRouter]


# What notices of a channel are said through.
Govern = Callable[[Channel], GovernedChannel]
Connect = Callable[[Assistant, Govern], Inbound]


@dataclass(frozen=True, slots=True)
class ChannelSet:
    """`open` is live: accounts may come and go while their channel's way in runs."""

    accounts: Accounts
    redis: Redis
    lines: Lines
    open: OpenChannels = field(default_factory=OpenChannels)
    connects: list[Connect] = field(default_factory=list)

    def connect(self, service: Assistant, governor: Governor) -> Inbound:
        """Build the ways in, now that there is a service to bring messages to."""

        def govern(channel: Channel) -> GovernedChannel:
            return GovernedChannel(channel, governor)

        ways = [connect(service, govern) for connect in self.connects]
        return Inbound(
            [one for way in ways for one in way.listeners],
            [one for way in ways for one in way.routers],
        )


@asynccontextmanager
async def open_channels(
    settings: Settings, accounts: Accounts, redis: Redis, lines: Lines, say: Say
) -> AsyncIterator[ChannelSet]:
    """Open every channel that has a token. Raises StartupError for settings that contradict."""
    channels = ChannelSet(accounts, redis, lines)
    async with AsyncExitStack() as stack:
        for name, open_channel in (("Telegram", open_telegram), ("Slack", open_slack)):
            if not await open_channel(settings, channels, stack):
                say(f"{name} is off: {OFF[name]}")
        yield channels


OFF = {
    "Telegram": "set OUTRIDER_TELEGRAM__TOKEN to turn it on.",
    "Slack": "set OUTRIDER_SLACK__BOT_TOKEN, and OUTRIDER_SLACK__APP_TOKEN (Socket Mode) or "
    "OUTRIDER_SLACK__SIGNING_SECRET (HTTP), to turn it on.",
}


async def open_telegram(settings: Settings, channels: ChannelSet, stack: AsyncExitStack) -> bool:
    ours = settings.telegram.by_name()
    for name, telegram in ours.items():
        await open_telegram_account(name, telegram, channels, stack)
    return bool(ours)


async def open_telegram_account(
    name: str, telegram: TelegramSettings, channels: ChannelSet, stack: AsyncExitStack
) -> None:
    bot = await stack.enter_async_context(open_bot(telegram))
    channel = TelegramChannel(bot, name, drafts=telegram.drafts, rich=telegram.rich)
    account = await channels.accounts.register(
        "telegram",
        name,
        access=telegram.access,
        allowlist=frozenset(telegram.allowlist),
        bot_id=telegram.bot_id,
    )
    lease = f"telegram:{name}"

    def connect(service: Assistant, govern: Govern) -> Inbound:
        notices = govern(channel)
        if telegram.webhook_url is not None:
            line = channels.lines.open("telegram", name, "webhook")
            webhook = TelegramWebhook(bot, notices, service, telegram, line=line)
            register = Listener(lease, telling(line, webhook.run), exclusive=False)
            return Inbound([register], [webhook.router()])
        line = channels.lines.open("telegram", name, "polling")
        poller = TelegramPoller(bot, notices, service, line=line)
        return Inbound([Listener(lease, telling(line, poller.run), exclusive=True)], [])

    channels.open.open(channel, account)
    channels.connects.append(connect)


async def open_slack(settings: Settings, channels: ChannelSet, stack: AsyncExitStack) -> bool:
    slack = settings.slack
    if fault := slack.fault(settings.admin.password):
        raise StartupError(fault)
    if slack.bot_token is None and not slack.installs:
        return False
    opening = _SlackOpening(slack, channels, await stack.enter_async_context(slack_session()))
    home = None
    if slack.bot_token is not None:
        home = Bot.of(client_of(slack, slack.bot_token, opening.session), DEFAULT)
        channels.open.open(home.channel, await opening.register(DEFAULT))

    def connect(service: Assistant, govern: Govern) -> Inbound:
        inbound, workspaces = opening.ways_in(home, service, govern)
        # What came by HTTP is acknowledged before it is said, until the server is closed.
        stack.push_async_callback(workspaces.close)
        return inbound

    channels.connects.append(connect)
    return True


@dataclass(frozen=True, slots=True)
class _SlackOpening:
    """What the app's workspaces share, and how each is opened."""

    settings: SlackSettings
    channels: ChannelSet
    session: aiohttp.ClientSession

    async def register(self, name: str) -> Account:
        return await self.channels.accounts.register(
            SLACK,
            name,
            access=self.settings.access,
            allowlist=frozenset(self.settings.allowlist),
        )

    def bot(self, name: str, token: SecretStr, on_dead_token: Callable[[], None]) -> Bot:
        return Bot.of(watched_client(self.settings, token, self.session, on_dead_token), name)

    def ways_in(
        self, home: Bot | None, service: Assistant, govern: Govern
    ) -> tuple[Inbound, Workspaces]:
        def attend(bot: Bot) -> SlackInbox:
            notices = govern(bot.channel)
            return SlackInbox(
                service,
                notices,
                bot.client,
                bot.people,
                outsiders=self.settings.outsiders,
                within=notices.within,
            )

        installs = self._installs(service, attend) if self.settings.installs else None
        workspaces = Workspaces(
            Workspace(home, attend(home)) if home else None,
            installs,
            lambda account: self.channels.lines.hear(SLACK, account),
        )
        listeners: list[Listener] = []
        routers: list[APIRouter] = []
        if self.settings.app_token is not None:
            app = client_of(self.settings, None, self.session)
            line = self.channels.lines.open(SLACK, EVERY, "socket")
            socket = SlackSocket(app, self.settings.app_token, workspaces, line=line)
            listeners.append(Listener("slack:default", telling(line, socket.run), False))
        if self.settings.signing_secret is not None:
            if self.settings.app_token is None:
                line = self.channels.lines.open(SLACK, EVERY, "webhook")
                line.become("open")  # who calls is checked with each call
            routers.append(slack_router(workspaces, self.settings.signing_secret, line=line))
        if installs is not None:
            listeners.append(Listener("slack:installs", installs.run, False))
            routers.append(self._pages(workspaces, installs).router())
        return Inbound(listeners, routers), workspaces

    def _installs(self, service: Assistant, attend: Callable[[Bot], SlackInbox]) -> SlackInstalls:
        return SlackInstalls(
            kept=Installs(self.channels.accounts.database, SLACK),
            seal=Seal(self.settings.token_keys, "OUTRIDER_SLACK__TOKEN_KEYS"),
            channels=self.channels.open,
            register=self.register,
            open_bot=self.bot,
            attend=attend,
            assistant=service,
            workspaces=self.settings.workspaces,
        )

    def _pages(self, workspaces: Workspaces, installs: SlackInstalls) -> InstallPages:
        slack = self.settings
        app = OAuthApp(
            slack,
            slack.client_id or "",
            slack.client_secret or SecretStr(""),
            slack.redirect_url or "",
            self.session,
        )
        states = InstallStates(self.channels.redis)
        return InstallPages(app, states, installs.add, workspaces.connect)


def telling(line: Line, run: Run) -> Run:
    """Also says on its line that it is opened, refused, or given up."""

    async def told() -> None:
        line.become("opening")
        try:
            await run()
        except asyncio.CancelledError:
            line.become("standby")
            raise
        except ChannelError as error:
            line.fail(str(error), "refused")
            raise

    return told
