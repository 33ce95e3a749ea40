"""The commands that Telegram offers people, in each language; groups are offered fewer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllGroupChats,
    BotCommandScopeDefault,
)
from telegram.error import TelegramError

from assistant.messages import CommandName
from assistant.orders.commands import COMMANDS, GROUP_COMMANDS
from assistant.phrases import ENGLISH, LANGUAGES, Phrase, say

SCOPES: Sequence[tuple[BotCommandScope, Sequence[CommandName]]] = (
    (BotCommandScopeDefault(), COMMANDS),
    (BotCommandScopeAllGroupChats(), GROUP_COMMANDS),
)

_log = structlog.get_logger()


async def register_commands(bot: Bot) -> None:
    """Set what differs from what Telegram has, so that a restart changes nothing.

    English is for everybody whose language isn't ours. A failure is logged: the bot answers all
    the same, and the next start tries again.
    """
    async with asyncio.TaskGroup() as group:
        for scope, names in SCOPES:
            for language in LANGUAGES:
                group.create_task(_register(bot, scope, described(names, language), language))


def described(names: Sequence[CommandName], language: str) -> list[BotCommand]:
    return [BotCommand(name, say(Phrase(f"command.{name}"), language)) for name in names]


async def _register(
    bot: Bot, scope: BotCommandScope, commands: list[BotCommand], language: str
) -> None:
    code = None if language == ENGLISH else language
    try:
        if list(await bot.get_my_commands(scope=scope, language_code=code)) != commands:
            await bot.set_my_commands(commands, scope=scope, language_code=code)
    except TelegramError as error:
        _log.warning("commands_not_set", language=language, error=type(error).__name__)
