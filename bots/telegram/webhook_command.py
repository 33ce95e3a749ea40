"""`outrider telegram webhook show|set|remove`: what Telegram knows, and by hand what a start does.

A start with a webhook's address sets it, and one without removes it; in between, these are for
looking, and for moving an account without a start. What waits at Telegram is never dropped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from assistant.errors import StartupError
from bots.telegram.bot import TelegramBot, open_bot
from bots.telegram.failures import translated
from bots.telegram.settings import TelegramSettings, name_of
from bots.telegram.webhook import checked, set_webhook

Say = Callable[[str], None]


async def show(settings: TelegramSettings, account: str, say: Say) -> None:
    async with _bot(settings, account) as (bot, _):
        known = await bot.get_webhook_info()
    say(f"Address: {known.url or 'none; updates are polled for'}")
    say(f"Waiting at Telegram: {known.pending_update_count}")
    if known.allowed_updates:
        say(f"Kinds: {', '.join(known.allowed_updates)}")
    if known.last_error_message:
        when = f" ({known.last_error_date:%Y-%m-%d %H:%M} UTC)" if known.last_error_date else ""
        say(f"Last error{when}: {known.last_error_message}")


async def set_up(settings: TelegramSettings, account: str, say: Say) -> None:
    async with _bot(settings, account) as (bot, ours):
        url, secret = checked(ours, account)
        await set_webhook(bot, url, secret)
    say(f"Telegram sends the updates of {account} to {url}.")


async def remove(settings: TelegramSettings, account: str, say: Say) -> None:
    async with _bot(settings, account) as (bot, _):
        await bot.delete_webhook(drop_pending_updates=False)
    say(f"Telegram keeps the updates of {account} until they are polled for, for a day.")


@asynccontextmanager
async def _bot(
    settings: TelegramSettings, account: str
) -> AsyncIterator[tuple[TelegramBot, TelegramSettings]]:
    """Raises StartupError for an account that is not there, ChannelError for a call that fails."""
    ours = settings.by_name().get(account)
    if ours is None:
        raise StartupError(f"There is no account {account}: set {name_of(account, 'token')}.")
    with translated(repeatable=True):
        async with open_bot(ours) as bot:
            yield bot, ours
