"""Updates, from Telegram's JSON to a commit. The poller and the webhook share it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import structlog

from assistant.channel import Notices
from assistant.errors import MessageRefused, Silenced, StorageUnavailable
from assistant.messages import Arrival, Edited, Ignored, Incoming, IncomingMessage, Notice
from assistant.phrases import Phrase
from assistant.service import Assistant
from bots.inbound import APOLOGY, apologise, receive
from bots.telegram.addressing import BotIdentity
from bots.telegram.albums import AlbumReader, album_id_of
from bots.telegram.answering import Answering
from bots.telegram.bot import TelegramBot
from bots.telegram.files import TelegramFiles
from bots.telegram.inline_mode import InlineMode
from bots.telegram.life import SignsOfLife
from bots.telegram.parse import parse
from bots.telegram.payload import mapping, number, text
from bots.telegram.places import is_elsewhere
from bots.telegram.text.utf16 import head

NOT_FETCHED = Phrase("content.not_fetched")
WORD_UNITS = 200  # of what a pressed button is answered with

_log = structlog.get_logger()


class UpdateHandler:
    def __init__(self, bot: TelegramBot, channel: Notices, assistant: Assistant) -> None:
        self._bot = bot
        self._channel = channel
        self._assistant = assistant
        self._albums = AlbumReader(assistant, channel.account)
        self._files = TelegramFiles(bot)
        self._answering = Answering()
        self._inline = InlineMode(bot, assistant, channel.account, self._answering)
        self._life = SignsOfLife(channel)

    async def handle(
        self, updates: Sequence[Any], identity: BotIdentity, arrival: Arrival | None = None
    ) -> None:
        """One update, or several parts of an album. Raises StorageUnavailable alone: then all of
        them must come again. `arrival`: of the first, which the caller acknowledges.

        Any other failure is ours to repair: it is logged and the person is told, but kept back,
        the update would stop everybody's messages for ever.
        """
        update_id, kinds = update_id_of(updates[0]), self._bot.allowed_updates
        if not any(kind in mapping(updates[0]) for kind in kinds):
            return  # what was asked for once may come for a while yet
        try:
            if query := mapping(mapping(updates[0]).get("inline_query")):
                await self._inline.offer(query)
                return
            heard = await self._first_heard(await self._albums.read(updates, identity))
            read = [await self._permitted(item) for item in heard]
            if isinstance(read[0], IncomingMessage) and not read[0].from_bot:
                self._life.show(read[0].chat)
            for item in await self._fetched(read):
                album = album_id_of(updates[0])
                if isinstance(item, Notice) and self._albums.says_it_again(item, album):
                    continue
                if isinstance(item, IncomingMessage):
                    item = replace(item, arrival=arrival)
                word = await self._receive(item, update_id)
                await self._answer_button(updates[0], word)
            self._albums.taken_in(read)
        except StorageUnavailable:
            raise
        except Exception:
            _log.exception("update_failed", update_id=update_id)
            await self._apologise(updates[0], identity)

    async def _apologise(self, update: Any, identity: BotIdentity) -> None:
        """Tell of a fault of ours who certainly speaks to us: an edit may not."""
        try:
            item = parse(update, account=self._channel.account, bot=identity)
            spoken = item.asked if isinstance(item, Edited) else item
            if spoken is not None:
                await apologise(self._channel, spoken)
        except Exception:  # it would stop everybody's messages
            _log.exception("fault_not_told")

    async def _first_heard(self, items: Sequence[Incoming]) -> Sequence[Incoming]:
        """An edit of what we never stored is a message if it speaks to us now, else nothing."""
        [item, *_] = items
        if not isinstance(item, Edited):
            return items
        if await self._assistant.knows(item.chat, item.message_id):
            return items
        return self._albums.with_parts(item.asked) if item.asked else (Ignored("edited_unheard"),)

    async def _permitted(self, item: Incoming) -> Incoming:
        """Why something can't be taken is told to whom may talk here; others hear how to ask."""
        if not isinstance(item, Notice):
            return item
        try:
            await self._assistant.admit(item.chat, item.sender_id, item.sender_name)
        except Silenced:
            return Ignored("silenced")
        except MessageRefused as refused:
            return replace(item, phrase=refused.phrase)
        return item

    async def _fetched(self, items: Sequence[Incoming]) -> Sequence[Incoming]:
        """With the files that belong to them, which are fetched side by side."""
        if not any(isinstance(item, IncomingMessage) and item.attachments for item in items):
            return items
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._with_files(item)) for item in items]
        except* StorageUnavailable as several:
            away = several
        else:
            return [one for task in tasks for one in task.result()]
        raise StorageUnavailable("The database can't be reached at the moment.") from away

    async def _with_files(self, item: Incoming) -> Sequence[Incoming]:
        """The message with the files that are wanted of it, then the notice of what is missing."""
        if not isinstance(item, IncomingMessage) or not item.attachments:
            return (item,)
        if item.from_bot:  # nothing of it is worth a download, and no notice is said to it
            return (replace(item, attachments=()),)
        try:
            wanted = await self._assistant.wanted(item)
            fetched = await self._files.fetched(wanted)
        except Silenced:
            return ()
        except MessageRefused as refused:
            return (_notice(item, refused.phrase),)
        except StorageUnavailable:
            raise
        except Exception:
            _log.exception("files_not_looked_at", chat=item.chat.chat_id)
            return (_notice(item, APOLOGY),)
        kept = tuple(one for one in item.attachments if one not in wanted)
        notices = (_notice(item, NOT_FETCHED),) if any(one.data is None for one in fetched) else ()
        if not item.text and all(one.data is None for one in fetched):
            return notices
        message = replace(item, attachments=(*kept, *fetched))
        # Elsewhere there is one message, which is the answer's: the model says what is missing.
        return (message,) if is_elsewhere(item.chat) else (message, *notices)

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
        said = head(word, WORD_UNITS) or None
        await self._answering.once(lambda: self._bot.answer_callback_query(query_id, said))


def _notice(about: IncomingMessage, phrase: Phrase) -> Notice:
    return Notice(about.chat, phrase, about.message_id, about.sender_id, about.language)


def update_id_of(update: Any) -> int | None:
    return number(mapping(update).get("update_id"))


def lane_of(update: Any) -> tuple[int | None, bool]:
    """Within which updates are handled in order: the chat, and whether it is a pressed button,
    which waits for no file."""
    fields = mapping(update)
    pressed = mapping(fields.get("callback_query"))
    messages = [fields.get(name) for name in ("message", "edited_message", "guest_message")]
    for holder in (*messages, pressed.get("message")):
        if message := mapping(holder):
            return number(mapping(message.get("chat")).get("id")), bool(pressed)
    for name in ("inline_query", "chosen_inline_result"):
        if asked := mapping(fields.get(name)):
            return number(mapping(asked.get("from")).get("id")), True
    return None, bool(pressed)
