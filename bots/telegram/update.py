"""One update, from Telegram's JSON to a commit. The poller and the webhook share it."""

from __future__ import annotations

from typing import Any

import structlog
from telegram.error import TelegramError

from assistant.channel import Channel
from assistant.errors import StorageUnavailable
from assistant.messages import Incoming
from assistant.service import Assistant
from bots.inbound import apologise, receive
from bots.telegram.addressing import BotIdentity
from bots.telegram.bot import TelegramBot
from bots.telegram.parse import parse
from bots.telegram.payload import mapping, number, text
from bots.telegram.utf16 import head

WORD_UNITS = 200  # of what a pressed button is answered with

_log = structlog.get_logger()


class UpdateHandler:
    def __init__(self, bot: TelegramBot, channel: Channel, assistant: Assistant) -> None:
        self._bot = bot
        self._channel = channel
        self._assistant = assistant

    async def handle(self, update: Any, identity: BotIdentity) -> None:
        """Raises StorageUnavailable alone: then the update must come again.

        Any other failure is ours to repair: it is logged and the person is told, but kept back,
        the update would stop everybody's messages for ever.
        """
        update_id = update_id_of(update)
        try:
            item = parse(update, account=self._channel.account, bot=identity)
            word = await self._receive(item, update_id)
            await self._answer_button(update, word)
        except StorageUnavailable:
            raise
        except Exception:
            _log.exception("update_failed", update_id=update_id)

    async def _receive(self, item: Incoming, update_id: int | None) -> str:
        try:
            return await receive(self._assistant, self._channel, item)
        except StorageUnavailable:
            raise
        except Exception:
            _log.exception("update_failed", update_id=update_id)
            await apologise(self._channel, item)
            return ""

    async def _answer_button(self, update: Any, word: str) -> None:
        """End the little clock on a pressed button. It may be too late for that; no matter."""
        query_id = text(mapping(mapping(update).get("callback_query")).get("id"))
        if not query_id:
            return
        try:
            await self._bot.answer_callback_query(query_id, head(word, WORD_UNITS) or None)
        except TelegramError as error:
            _log.debug("button_not_answered", error=type(error).__name__)


def update_id_of(update: Any) -> int | None:
    return number(mapping(update).get("update_id"))


def chat_id_of(update: Any) -> int | None:
    """The chat within which updates are handled in order."""
    fields = mapping(update)
    pressed = mapping(fields.get("callback_query"))
    for holder in (fields.get("message"), fields.get("edited_message"), pressed.get("message")):
        if message := mapping(holder):
            return number(mapping(message.get("chat")).get("id"))
    return None
