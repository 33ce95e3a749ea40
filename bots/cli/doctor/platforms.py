"""Tokens, by calling the platforms with them."""

from __future__ import annotations

from dataclasses import dataclass, field

import aiohttp

from assistant.errors import ChannelError, CredentialsRefused
from bots.cli.doctor.finding import Finding, fails, fine, off
from bots.settings import Settings
from bots.slack.client import call, client_of, connect, slack_session
from bots.slack.settings import SlackSettings
from bots.telegram.bot import open_bot
from bots.telegram.failures import translated
from bots.telegram.settings import DEFAULT, name_of


async def telegram(settings: Settings) -> Finding:
    accounts = settings.telegram.by_name()
    if not accounts:
        return off("Set OUTRIDER_TELEGRAM__TOKEN to turn it on.")
    said = []
    for name, account in accounts.items():
        setting = name_of(name, "token")
        try:
            async with open_bot(account) as bot:
                with translated(repeatable=True):
                    me = await bot.get_me()
        except CredentialsRefused as error:
            return fails(f"{error} Copy it anew from @BotFather into {setting}.")
        except ChannelError as error:
            return fails(f"{error} Check the network and OUTRIDER_TELEGRAM__BASE_URL.")
        said.append(f"The token{'' if name == DEFAULT else f' of {name}'} is @{me.username}'s.")
    return fine(" ".join(said))


async def slack(settings: Settings) -> Finding:
    given = settings.slack
    if given.bot_token is None and not given.installs:
        return off("Set OUTRIDER_SLACK__BOT_TOKEN to turn it on.")
    if fault := given.fault(settings.admin.password):
        return fails(fault)
    async with slack_session() as session:
        asked = _Asked(given, session)
        for check in (asked.bot, asked.app, asked.installs):
            try:
                await check()
            except CredentialsRefused as error:
                where = "Copy it anew from the app's page at api.slack.com/apps."
                return fails(f"OUTRIDER_SLACK__{asked.name}: {error} {where}")
            except ChannelError as error:
                return fails(f"{error} Check the network and OUTRIDER_SLACK__BASE_URL.")
    return fine(" ".join(asked.said))


@dataclass(slots=True)
class _Asked:
    """What Slack says to each secret; `name` is the setting that was shown to it last."""

    given: SlackSettings
    session: aiohttp.ClientSession
    name: str = ""
    said: list[str] = field(default_factory=list)

    async def bot(self) -> None:
        if self.given.bot_token is None:
            return
        self.name = "BOT_TOKEN"
        bot = await connect(client_of(self.given, self.given.bot_token, self.session))
        way = "by HTTP events" if self.given.app_token is None else "by Socket Mode"
        self.said.append(f"The bot is {bot.user_id} of team {bot.team_id}, {way}.")

    async def app(self) -> None:
        if self.given.app_token is None:
            return
        self.name, token = "APP_TOKEN", self.given.app_token.get_secret_value()
        client = client_of(self.given, None, self.session)
        await call(client.apps_connections_open, app_token=token)

    async def installs(self) -> None:
        """Slack looks at the app's secret before the code, which is none."""
        secret, client = self.given.client_secret, client_of(self.given, None, self.session)
        if secret is None:
            return
        self.name = "CLIENT_SECRET"
        await call(
            client.oauth_v2_access,
            success="invalid_code",
            client_id=self.given.client_id,
            client_secret=secret.get_secret_value(),
            code="none",
        )
        whose = "listed workspaces" if self.given.workspaces else "any workspace"
        self.said.append(f"The app can be installed in {whose}.")
