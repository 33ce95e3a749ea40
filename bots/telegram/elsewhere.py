"""Answers in chats that we are not in: to a guest's question, or in place of an inline result.

There is one message, which is known by its inline id alone, and it can only be edited. The chat's
id says what to do: `guest:QUERY` is answered once, `inline:MESSAGE` stands there already. A reply
that is too long for one message says so at its end; its further pieces stand nowhere.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResultArticle,
    InputTextMessageContent,
)

from assistant.errors import MessageGone
from assistant.messages import ChatRef
from assistant.phrases import Phrase, say
from bots.telegram.bot import TelegramBot
from bots.telegram.editing import NO_PREVIEW, Target, edit_text, ending_in
from bots.telegram.failures import translated
from bots.telegram.keyboard import STOP
from bots.telegram.places import GUEST, INLINE
from bots.telegram.text.render import Rendered

GOES_ON = Phrase("elsewhere.goes_on")
CALLBACK_BYTES = 64  # Telegram's limit
NOWHERE = "nowhere"  # the message id of a reply's further pieces


def stop_keyboard(chat: ChatRef, turn_id: int, language: str) -> InlineKeyboardMarkup | None:
    """A guest's query is known to nobody else: that it is named shows where the button stands.

    None where it is too long to be named: with such a button Telegram refuses the message.
    """
    guest = chat.chat_id.removeprefix(GUEST) if chat.chat_id.startswith(GUEST) else ""
    data = f"stop:{turn_id}:{guest}" if guest else f"stop:{turn_id}"
    if len(data.encode()) > CALLBACK_BYTES:
        return None
    return InlineKeyboardMarkup(
        ((InlineKeyboardButton(f"⏹ {say(STOP, language)}", callback_data=data),),)
    )


def article(
    title: str, shown: str, keyboard: InlineKeyboardMarkup | None, description: str = ""
) -> InlineQueryResultArticle:
    return InlineQueryResultArticle(
        "ask",
        title,
        InputTextMessageContent(shown, link_preview_options=NO_PREVIEW),
        reply_markup=keyboard,
        description=description or None,
    )


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The part of the channel port that such chats have. Raises ChannelError only."""

    bot: TelegramBot

    async def post(
        self, chat: ChatRef, shown: str, keyboard: InlineKeyboardMarkup | None, *, position: int
    ) -> str:
        if position > 0:
            return NOWHERE
        if chat.chat_id.startswith(INLINE):
            return chat.chat_id.removeprefix(INLINE)
        query = chat.chat_id.removeprefix(GUEST)
        with translated(repeatable=False):
            sent = await self.bot.answer_guest_query(query, article(shown[:64], shown, keyboard))
            return sent.inline_message_id

    async def edit(
        self,
        message_id: str,
        shown: Rendered,
        keyboard: InlineKeyboardMarkup | None,
        *,
        goes_on: bool = False,
        language: str = "",
    ) -> None:
        if message_id == NOWHERE:
            return
        if goes_on:
            shown = ending_in(shown, say(GOES_ON, language))
        with translated(repeatable=True):
            await edit_text(self.bot, Target(inline_id=message_id), shown, keyboard, language)

    async def remove(self, message_id: str, removed: str) -> None:
        with suppress(MessageGone):
            await self.edit(message_id, Rendered(removed), None)

    async def say(self, chat: ChatRef, said: str) -> None:
        """In the place of the answer, which it tells that there is none."""
        if chat.chat_id.startswith(GUEST):
            await self.post(chat, said, None, position=0)
        else:
            await self.edit(chat.chat_id.removeprefix(INLINE), Rendered(said), None)
