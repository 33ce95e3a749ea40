"""Tokens, by calling the platforms with them."""

from __future__ import annotations

from pydantic import SecretStr

from assistant.errors import ChannelError, CredentialsRefused
from bots.doctor.finding import Finding, fails, fine, off
from bots.settings import Settings
from bots.slack.client import call, connect, web_client
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
    if given.bot_token is None:
        return off("Set OUTRIDER_SLACK__BOT_TOKEN to turn it on.")
    if given.app_token is None and given.signing_secret is None:
        return fails(
            "The bot token alone lets nothing in: set OUTRIDER_SLACK__APP_TOKEN (Socket Mode) or "
            "OUTRIDER_SLACK__SIGNING_SECRET (HTTP events) as well."
        )
    return await _tokens(given, given.app_token)


async def _tokens(given: SlackSettings, app_token: SecretStr | None) -> Finding:
    name = "OUTRIDER_SLACK__BOT_TOKEN"
    try:
        async with web_client(given) as client:
            bot = await connect(client)
            if app_token is not None:
                name = "OUTRIDER_SLACK__APP_TOKEN"
                await call(client.apps_connections_open, app_token=app_token.get_secret_value())
    except CredentialsRefused as error:
        return fails(f"{name}: {error} Copy it anew from the app's page at api.slack.com/apps.")
    except ChannelError as error:
        return fails(f"{error} Check the network and OUTRIDER_SLACK__BASE_URL.")
    way = "by Socket Mode" if app_token is not None else "by HTTP events"
    return fine(f"The bot is {bot.user_id} of team {bot.team_id}, {way}.")
