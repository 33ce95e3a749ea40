"""The Channel port on Telegram: post once, then edit in place."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from telegram import InlineKeyboardMarkup, LinkPreviewOptions, ReplyParameters
from telegram.error import BadRequest

from assistant.channel import Pace
from assistant.errors import ChatMoved, MessageGone
from assistant.messages import ChatRef, Document
from bots.telegram.bot import TelegramBot
from bots.telegram.failures import (
    means_entities_refused,
    means_not_deletable,
    means_not_modified,
    means_too_long,
    translated,
)
from bots.telegram.keyboard import ended_keyboard, stop_keyboard
from bots.telegram.render import TEXT_UNITS, Rendered, render
from bots.telegram.split import split
from bots.telegram.utf16 import clean, head, units

# Telegram's limits: 1 a second; 20 a minute in groups, of which a burst is a part. Edits leave a
# little of that, so that a reply that goes on in a further message doesn't stand still.
PACE = Pace(
    private_interval_seconds=1.0,
    group_interval_seconds=3.5,
    account_calls_per_second=30.0,
    private_edit_seconds=1.08,
    group_edit_seconds=3.1,
)
CAPTION_UNITS = 1024
PLACEHOLDER = "…"
REMOVED = "(removed)"  # where a message can't be taken away any more
CUT = "[Cut here: Telegram did not take more.]"
CUT_UNITS = 3000  # of a text that Telegram finds too long although by its own rules it isn't
SEEN = "👀"  # one of Telegram's own reactions
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)  # it would come and go with every edit


class TelegramChannel:
    """One bot. Implements assistant.channel.Channel; raises ChannelError only."""

    def __init__(self, bot: TelegramBot, account: str) -> None:
        self._bot = bot
        self._account = account

    @property
    def name(self) -> str:
        return "telegram"

    @property
    def account(self) -> str:
        return self._account

    @property
    def pace(self) -> Pace:
        return PACE

    @property
    def message_characters(self) -> int:
        return TEXT_UNITS

    def split(self, text: str) -> Sequence[str]:
        return split(text)

    async def post(
        self, chat: ChatRef, *, turn_id: int, key: str, reply_to: str, language: str = ""
    ) -> str:
        """`key` is not used: Telegram keeps nothing beside a message."""
        # In a private chat it is clear what is answered.
        question = reply_to if chat.kind == "group" else ""
        keyboard = stop_keyboard(turn_id, language)
        return await self._send(chat, PLACEHOLDER, question, keyboard)

    async def find(self, chat: ChatRef, key: str, *, reply_to: str) -> str | None:
        """None: a bot can't read what stands in a chat."""
        return None

    async def edit(
        self,
        chat: ChatRef,
        message_id: str,
        text: str,
        *,
        turn_id: int,
        final: bool,
        last: bool = False,
        language: str = "",
    ) -> None:
        shown = _shown(text)
        keyboard = None if final else stop_keyboard(turn_id, language)
        if last:
            keyboard = ended_keyboard(turn_id)
        with translated(repeatable=True):
            await self._edit(chat, _number(message_id), shown, keyboard)

    async def delete(self, chat: ChatRef, message_id: str) -> None:
        """What Telegram doesn't delete, since it is older than two days, says so instead."""
        with suppress(MessageGone), translated(repeatable=True):
            try:
                await self._bot.delete_message(chat.chat_id, _number(message_id))
            except BadRequest as error:
                if not means_not_deletable(error):
                    raise
                await self._edit(chat, _number(message_id), Rendered(REMOVED), None)

    async def mark_waiting(self, chat: ChatRef, message_id: str) -> None:
        with translated(repeatable=True):
            await self._bot.set_message_reaction(chat.chat_id, _number(message_id), SEEN)

    async def typing(self, chat: ChatRef) -> None:
        with translated(repeatable=True):
            await self._bot.send_chat_action(chat.chat_id, "typing", message_thread_id=_topic(chat))

    async def say(self, chat: ChatRef, text: str, *, reply_to: str = "") -> None:
        question = reply_to if chat.kind == "group" else ""
        plain = head(clean(text).strip(), TEXT_UNITS) or PLACEHOLDER
        try:
            await self._send(chat, plain, question, None)
        except ChatMoved as moved:
            await self._send(replace(chat, chat_id=moved.to_chat_id), plain, "", None)

    async def say_document(
        self, chat: ChatRef, document: Document, caption: str, *, reply_to: str = ""
    ) -> bool:
        question = reply_to if chat.kind == "group" else ""
        with translated(repeatable=False):
            await self._bot.send_document(
                chat.chat_id,
                document.content,
                caption=head(clean(caption).strip(), CAPTION_UNITS) or None,
                filename=document.name,
                message_thread_id=_topic(chat),
                reply_parameters=_reply(question),
            )
        return True

    async def _send(
        self, chat: ChatRef, text: str, question: str, keyboard: InlineKeyboardMarkup | None
    ) -> str:
        with translated(repeatable=False):
            sent = await self._bot.send_message(
                chat.chat_id,
                text,
                message_thread_id=_topic(chat),
                reply_parameters=_reply(question),
                reply_markup=keyboard,
                link_preview_options=_NO_PREVIEW,
            )
            return str(sent.message_id)

    async def _edit(
        self, chat: ChatRef, number: int, shown: Rendered, keyboard: InlineKeyboardMarkup | None
    ) -> None:
        try:
            await self._bot.edit_message_text(
                shown.text,
                chat.chat_id,
                number,
                entities=shown.entities or None,
                reply_markup=keyboard,
                link_preview_options=_NO_PREVIEW,
            )
        except BadRequest as error:
            if means_not_modified(error):
                return
            plainer = _plainer(shown, error)
            if plainer is None:
                raise
            await self._edit(chat, number, plainer, keyboard)


def _shown(text: str) -> Rendered:
    shown = render(text)
    return shown if shown.text else Rendered(PLACEHOLDER)


def _plainer(shown: Rendered, refusal: BadRequest) -> Rendered | None:
    """What to show in place of a text that was refused; None where nothing would help."""
    if means_too_long(refusal) and units(shown.text) > CUT_UNITS + units(CUT) + 2:
        return Rendered(f"{head(shown.text, CUT_UNITS).rstrip()}\n\n{CUT}")
    if shown.entities and means_entities_refused(refusal):
        return Rendered(shown.text)
    return None


def _reply(question: str) -> ReplyParameters | None:
    if not (question.isascii() and question.isdigit()):
        return None
    return ReplyParameters(int(question), allow_sending_without_reply=True)


def _topic(chat: ChatRef) -> int | None:
    return int(chat.thread_id) if chat.thread_id.isascii() and chat.thread_id.isdigit() else None


def _number(message_id: str) -> int:
    if not (message_id.isascii() and message_id.isdigit()):
        raise MessageGone("There is no Telegram message with this id.")
    return int(message_id)
