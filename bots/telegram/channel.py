"""The Channel port on Telegram: post once, then edit in place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace

from telegram import InlineKeyboardMarkup, ReplyParameters
from telegram.error import BadRequest

from assistant.channel import Act, Look, Pace, Placeholder
from assistant.errors import ChatMoved, MessageGone
from assistant.messages import ChatRef, Document
from assistant.phrases import Phrase, say
from bots.telegram.bot import TelegramBot
from bots.telegram.editing import NO_PREVIEW, Target, edit_rich, edit_text
from bots.telegram.elsewhere import Elsewhere
from bots.telegram.elsewhere import stop_keyboard as stop_elsewhere
from bots.telegram.failures import means_not_deletable, translated
from bots.telegram.keyboard import ended_keyboard, stop_keyboard
from bots.telegram.places import is_elsewhere
from bots.telegram.text.render import TEXT_UNITS, Rendered, render
from bots.telegram.text.rich import rich_html
from bots.telegram.text.split import split
from bots.telegram.text.utf16 import clean, head

# Telegram's limits: 1 a second; 20 a minute in groups, of which a burst is a part. Edits leave a
# little of that, so that a reply that goes on in a further message doesn't stand still.
PACE = Pace(
    private_interval_seconds=1.0,
    group_interval_seconds=3.5,
    account_calls=30,
    private_edit_seconds=1.08,
    group_edit_seconds=3.1,
)
CAPTION_UNITS = 1024
PLACEHOLDER = "…"
REMOVED = Phrase("ending.removed")  # where a message can't be taken away any more
_DRAFT_IDS = 2**31 - 1  # 0 is none; the same number is the same draft, which moves on
SEEN = "👀"  # one of Telegram's own reactions


class TelegramChannel:
    """One bot. Implements assistant.channel.Channel; raises ChannelError only."""

    def __init__(
        self, bot: TelegramBot, account: str, *, drafts: bool = False, rich: bool = False
    ) -> None:
        """`drafts`: show growing answers as drafts, in private chats. `rich`: show whole messages
        as rich ones."""
        self._bot = bot
        self._elsewhere = Elsewhere(bot)
        self._account = account
        self._drafts = drafts
        self._rich = rich

    @property
    def name(self) -> str:
        return "telegram"

    @property
    def account(self) -> str:
        return self._account

    def pace_of(self, act: Act, message_id: str = "") -> Pace:
        return PACE

    def stream_pace(self, chat: ChatRef) -> None:
        return None

    @property
    def message_characters(self) -> int:
        return TEXT_UNITS

    def split(self, text: str) -> Sequence[str]:
        return split(text)

    def shows(self, text: str) -> bool:
        return render(text, growing=True).text != ""

    async def post(self, chat: ChatRef, placeholder: Placeholder) -> str:
        """Telegram keeps no key beside a message. It names the reply's piece: elsewhere there is
        room for one."""
        turn_id, language = placeholder.turn_id, placeholder.language
        if is_elsewhere(chat):
            stop = stop_elsewhere(chat, turn_id, language)
            position = int(placeholder.key.rpartition(".")[2])
            return await self._elsewhere.post(chat, PLACEHOLDER, stop, position=position)
        # In a private chat it is clear what is answered.
        question = placeholder.reply_to if chat.kind == "group" else ""
        keyboard = stop_keyboard(turn_id, language)
        return await self._send(chat, PLACEHOLDER, question, keyboard)

    async def find(
        self, chat: ChatRef, key: str, *, reply_to: str, known: Collection[str] = ()
    ) -> str | None:
        """None: a bot can't read what stands in a chat."""
        return None

    async def edit(self, chat: ChatRef, message_id: str, look: Look) -> None:
        shown, language = _shown(look.text, growing=not look.final), look.language
        if is_elsewhere(chat):
            stop = None if look.final else stop_elsewhere(chat, look.turn_id, language)
            goes_on = look.final and not look.last
            await self._elsewhere.edit(message_id, shown, stop, goes_on=goes_on, language=language)
            return
        keyboard = None if look.final else stop_keyboard(look.turn_id, language)
        if look.last:
            keyboard = ended_keyboard(look.turn_id)
        with translated(repeatable=True):
            target = Target(chat.chat_id, _number(message_id))
            html = rich_html(look.text) if self._rich and look.final else None
            if html is None or not await edit_rich(self._bot, target, html, keyboard):
                await edit_text(self._bot, target, shown, keyboard, language)

    async def status(
        self, chat: ChatRef, language: str, *, shown: bool = True, before: int = 0
    ) -> bool:
        """Telegram's lasts five seconds, and says less than a message with its Stop button."""
        return False

    async def draft(self, chat: ChatRef, text: str, *, turn_id: int) -> bool:
        if not self._drafts or chat.kind != "private" or is_elsewhere(chat):
            return False
        shown = _shown(text, growing=True)
        with translated(repeatable=True):
            return await self._bot.send_message_draft(
                _number(chat.chat_id),
                turn_id % _DRAFT_IDS + 1,
                shown.text,
                message_thread_id=_topic(chat),
                entities=shown.entities or None,
            )

    async def delete(self, chat: ChatRef, message_id: str, language: str = "") -> None:
        """What Telegram doesn't delete, since it is older than two days, says so instead."""
        if is_elsewhere(chat):
            await self._elsewhere.remove(message_id, say(REMOVED, language))
            return
        with suppress(MessageGone), translated(repeatable=True):
            target = Target(chat.chat_id, _number(message_id))
            try:
                await self._bot.delete_message(chat.chat_id, _number(message_id))
            except BadRequest as error:
                if not means_not_deletable(error):
                    raise
                await edit_text(self._bot, target, Rendered(say(REMOVED, language)), None)

    async def mark_waiting(self, chat: ChatRef, message_id: str) -> None:
        if is_elsewhere(chat):
            return
        with translated(repeatable=True):
            await self._bot.set_message_reaction(chat.chat_id, _number(message_id), SEEN)

    async def typing(self, chat: ChatRef) -> None:
        if is_elsewhere(chat):
            return
        with translated(repeatable=True):
            await self._bot.send_chat_action(chat.chat_id, "typing", message_thread_id=_topic(chat))

    async def say(self, chat: ChatRef, text: str, *, reply_to: str = "") -> None:
        question = reply_to if chat.kind == "group" else ""
        plain = head(clean(text).strip(), TEXT_UNITS) or PLACEHOLDER
        if is_elsewhere(chat):
            await self._elsewhere.say(chat, plain)
            return
        try:
            await self._send(chat, plain, question, None)
        except ChatMoved as moved:
            await self._send(replace(chat, chat_id=moved.to_chat_id), plain, "", None)

    async def say_document(
        self, chat: ChatRef, document: Document, caption: str, *, reply_to: str = ""
    ) -> bool:
        if is_elsewhere(chat):
            return False
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
            sent = await self._bot.call(
                "sendMessage",
                chat_id=chat.chat_id,
                text=text,
                message_thread_id=_topic(chat),
                reply_parameters=_reply(question),
                reply_markup=keyboard,
                link_preview_options=NO_PREVIEW,
            )
            return str(int(sent["message_id"]))


def _shown(text: str, *, growing: bool) -> Rendered:
    shown = render(text, growing=growing)
    return shown if shown.text else Rendered(PLACEHOLDER)


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
