"""Inline mode: a question behind our name in any chat is offered as a result, and answered once
somebody has chosen it, in the message that it became."""

from __future__ import annotations

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, InlineQueryResultsButton

from assistant.messages import ChatRef
from assistant.phrases import Phrase, say
from assistant.service import Assistant
from bots.telegram.answering import Answering
from bots.telegram.bot import TelegramBot
from bots.telegram.elsewhere import article
from bots.telegram.payload import Object, mapping, number, text
from bots.telegram.places import INLINE
from bots.telegram.text.utf16 import clean

ASK = Phrase("elsewhere.ask")
FIRST = Phrase("elsewhere.first")
CACHE_SECONDS = 5
WAITING = "…"
# Without a keyboard Telegram gives no id to edit by. It does nothing until there is a turn.
_WAIT = InlineKeyboardMarkup(((InlineKeyboardButton(WAITING, callback_data="wait"),),))


class InlineMode:
    def __init__(
        self, bot: TelegramBot, assistant: Assistant, account: str, answering: Answering
    ) -> None:
        self._bot = bot
        self._answering = answering
        self._assistant = assistant
        self._account = account

    async def offer(self, query: Object) -> None:
        """Answer while somebody is typing. Raises StorageUnavailable; a call that fails is left:
        the next letter brings the next query."""
        query_id, asked = text(query.get("id")), clean(text(query.get("query"))).strip()
        person = mapping(query.get("from"))
        sender_id, told = number(person.get("id")), text(person.get("language_code"))
        if not query_id or sender_id is None:
            return
        chat = ChatRef("telegram", self._account, INLINE, "", "group")
        allowed = await self._assistant.may_talk(chat, str(sender_id))
        language = await self._assistant.language(chat, str(sender_id), told)
        results = [article(say(ASK, language), WAITING, _WAIT, asked)] if allowed and asked else []
        first = InlineQueryResultsButton(say(FIRST, language), start_parameter="inline")
        await self._answering.once(
            lambda: self._bot.answer_inline_query(
                query_id,
                results,
                cache_time=CACHE_SECONDS,
                is_personal=True,
                button=None if allowed else first,
            )
        )
