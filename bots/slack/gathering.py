"""What belongs to a message besides its event: its files, and the thread that it was written into.

Slack wants an event acknowledged within three seconds, and nothing is acknowledged before it is
stored. So this much is waited for, counted from the event's arrival: `GATHER_SECONDS`. What is
there by then is stored with the message. A file that isn't is `awaited`: the message is stored, in
its order, and acknowledged; its answer waits until the file has come (`Late.bring`). Should we die
in between, the message is answered without the file, by a model that is told so. A redelivery, or
the twin of a mention, finds the message stored and fetches nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakValueDictionary

from assistant.errors import MessageRefused, Silenced
from assistant.messages import Attachment, Incoming, IncomingMessage, Notice
from assistant.phrases import Phrase
from assistant.service import Assistant
from bots.slack.identity import BotIdentity
from bots.slack.reading.content import addresses_in
from bots.slack.reading.files import SlackFiles
from bots.slack.reading.payload import Object, text
from bots.slack.reading.text import mentions
from bots.slack.reading.thread import Before, Threads

GATHER_SECONDS = 1.5
NOT_FETCHED = Phrase("content.not_fetched")

_Fetching = Mapping[str, asyncio.Task[Attachment]]  # by file ids


@dataclass(frozen=True, slots=True)
class Late:
    """Files of a stored message that are still being fetched."""

    message: IncomingMessage
    fetching: _Fetching

    async def bring(self, assistant: Assistant) -> Incoming | None:
        """Give them to the message; the notice to be said where one could not be had.

        Raises StorageUnavailable: it may be tried again.
        """
        try:
            came = {key: await task for key, task in self.fetching.items()}
        finally:
            self.drop()
        message = self.message
        files = tuple(came.get(one.file_id, one) for one in message.attachments)
        missing = any(one.data is None for one in came.values())
        try:
            await assistant.complete(replace(message, attachments=files))
        except MessageRefused as refused:
            return notice(message, NOT_FETCHED if missing else refused.phrase)
        return notice(message, NOT_FETCHED) if missing else None

    def drop(self) -> None:
        """Fetch no further."""
        for task in self.fetching.values():
            task.cancel()


@dataclass(frozen=True, slots=True)
class Gathered:
    """`items` is the message, and what is said about it. `late`: what comes after it."""

    items: Sequence[Incoming]
    late: Late | None = None


@dataclass(frozen=True, slots=True)
class Gathering:
    assistant: Assistant
    files: SlackFiles
    threads: Threads
    seconds: float = GATHER_SECONDS
    _held: WeakValueDictionary[tuple[str, str], asyncio.Lock] = field(
        default_factory=WeakValueDictionary, init=False
    )

    def one_at_a_time(self, message: IncomingMessage) -> asyncio.Lock:
        """Twins may come side by side: the second waits until the first is stored."""
        key = (message.chat.chat_id, message.message_id)
        return self._held.setdefault(key, asyncio.Lock())

    async def brings_more(self, message: IncomingMessage, raw: Object, bot: BotIdentity) -> bool:
        """Whether there is anything to gather. Raises StorageUnavailable."""
        if message.from_bot:
            return False
        return bool(message.attachments) or await self._is_called_into_thread(message, raw, bot)

    async def of(
        self, message: IncomingMessage, raw: Object, bot: BotIdentity, arrived: float
    ) -> Gathered:
        """`raw` is the message as Slack gave it; `arrived`: when, on the monotonic clock.

        Raises StorageUnavailable.
        """
        if await self.assistant.knows(message.chat, message.message_id):
            return Gathered(())
        try:
            wanted = await self.assistant.wanted(message)
        except Silenced:
            return Gathered(())
        except MessageRefused as refused:
            return Gathered((notice(message, refused.phrase),))
        fetching: dict[str, asyncio.Task[Attachment]] = {}
        try:
            self._fetch(wanted, addresses_in(raw), fetching)
            before = await self._before(message, raw, bot, arrived)
            message = await self._with_thread(message, before, fetching)
            return await self._by_then(message, fetching, arrived)
        except BaseException:
            for task in fetching.values():
                task.cancel()
            raise

    async def _is_called_into_thread(
        self, message: IncomingMessage, raw: Object, bot: BotIdentity
    ) -> bool:
        """Into one that it doesn't listen to. Of a direct message nothing is unheard."""
        if message.chat.kind == "private" or message.chat.thread_id == message.message_id:
            return False
        called = mentions(text(raw, "text"), bot.user_id)
        return called and not await self.assistant.takes_part(message.chat)

    async def _before(
        self, message: IncomingMessage, raw: Object, bot: BotIdentity, arrived: float
    ) -> Before:
        if not await self._is_called_into_thread(message, raw, bot):
            return Before()
        since = await self.assistant.heard_until(message.chat)
        left = arrived + self.seconds - _now()
        return await self.threads.before(message.chat, message.message_id, since, bot, left)

    async def _with_thread(
        self,
        message: IncomingMessage,
        before: Before,
        fetching: dict[str, asyncio.Task[Attachment]],
    ) -> IncomingMessage:
        """With what was said there before, and with the files there, which are fetched then."""
        addresses = {one.file_id: file.address for file in before.files if (one := file.attachment)}
        files = [file.attachment for file in before.files if file.attachment]
        files = [one for one in files if one.file_id not in fetching]
        wanted = await self._wanted_of_others(message, files) if files else ()
        self._fetch(wanted, addresses, fetching)
        said = (before.said,) if before.said else ()
        return replace(message, attachments=(*message.attachments, *wanted, *said))

    async def _wanted_of_others(
        self, message: IncomingMessage, files: Sequence[Attachment]
    ) -> Sequence[Attachment]:
        try:
            return await self.assistant.wanted(replace(message, attachments=tuple(files)))
        except (MessageRefused, Silenced):  # pictures alone, which no model sees
            return ()

    def _fetch(
        self,
        wanted: Sequence[Attachment],
        addresses: Mapping[str, str],
        fetching: dict[str, asyncio.Task[Attachment]],
    ) -> None:
        for one in wanted:
            fetched = self.files.fetched(one, addresses.get(one.file_id, ""))
            fetching[one.file_id] = asyncio.get_running_loop().create_task(fetched)

    async def _by_then(
        self, message: IncomingMessage, fetching: _Fetching, arrived: float
    ) -> Gathered:
        """With the files that are there when the time is over."""
        if fetching:
            left = max(arrived + self.seconds - _now(), 0.0)
            await asyncio.wait(fetching.values(), timeout=left)
        there = {key: task.result() for key, task in fetching.items() if task.done()}
        late = {key: task for key, task in fetching.items() if not task.done()}
        files = (there.get(one.file_id, one) for one in message.attachments)
        message = replace(
            message,
            attachments=tuple(replace(one, awaited=one.file_id in late) for one in files),
        )
        missing = any(one.data is None for one in there.values())
        notices = (notice(message, NOT_FETCHED),) if missing else ()
        if late:
            return Gathered((message, *notices), Late(message, late))
        brought = [one for one in message.attachments if one.kind != "thread"]
        if missing and not message.text and all(one.data is None for one in brought):
            return Gathered(notices)
        return Gathered((message, *notices))


def notice(about: IncomingMessage, phrase: Phrase) -> Notice:
    return Notice(about.chat, phrase, about.message_id, about.sender_id, about.language)


def _now() -> float:
    return time.monotonic()
