"""The channel port on Slack's Web API."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from assistant.channel import Act, Look, Pace, Placeholder
from assistant.errors import CredentialsRefused, MessageGone, RateLimited, RecipientUnreachable
from assistant.messages import ChatRef, Document
from assistant.phrases import Phrase, say
from bots.closing import closing
from bots.slack import paces
from bots.slack.client import call, connect
from bots.slack.errors import BlocksRefused, NotDeletable, StreamRunning, lost
from bots.slack.identity import BotIdentity
from bots.slack.metadata import is_begun, key_of, metadata
from bots.slack.minute import Minute
from bots.slack.orders import as_typed
from bots.slack.people import People
from bots.slack.render import message, plain, streamed
from bots.slack.split import PIECE_UNITS, split
from bots.slack.streams import Streams, settled
from bots.slack.uploads import upload

PAGE_MESSAGES = 200  # the most that Slack recommends
SEEN = "eyes"

_log = structlog.get_logger()
REMOVED = Phrase("ending.removed")  # where a message can't be taken away
STATUSES_A_MINUTE = 500  # Slack takes six hundred of a workspace
THINKING = Phrase("status.thinking")
LOADING = (Phrase("status.reading"), Phrase("status.writing"))

# No link previews, and no guessing of names: nothing but what the blocks say
_INERT: dict[str, Any] = {"parse": "none", "link_names": False}
_QUIET: dict[str, Any] = {"unfurl_links": False, "unfurl_media": False, **_INERT}


class SlackChannel:
    """One workspace's bot. Raises `assistant.errors.ChannelError` only."""

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        account: str = "default",
        people: People | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` in seconds."""
        self._client = client
        self._account = account
        self._people = people or People(client)
        self._streams = Streams(client, clock)
        self._plain_buttons = False  # Slack takes no feedback buttons here
        self._no_status = False  # nor statuses
        self._statuses = Minute(STATUSES_A_MINUTE, clock)
        self._bot: BotIdentity | None = None

    @property
    def name(self) -> str:
        return "slack"

    @property
    def account(self) -> str:
        return self._account

    def pace_of(self, act: Act, message_id: str = "") -> Pace:
        if act in ("post", "other"):
            return paces.POST if act == "post" else paces.OTHER
        if message_id not in self._streams:
            return paces.UPDATE
        return paces.STOP if act == "final" else paces.APPEND

    def stream_pace(self, chat: ChatRef) -> Pace | None:
        """Streams are for threads."""
        return paces.START if chat.thread_id and self._streams.offered(chat) else None

    @property
    def message_characters(self) -> int:
        return PIECE_UNITS

    def split(self, text: str) -> Sequence[str]:
        return split(text)

    def shows(self, text: str) -> bool:
        return settled(text).strip() != ""

    async def post(self, chat: ChatRef, placeholder: Placeholder) -> str:
        """The thread that a reply belongs to is the chat's."""
        ts: str | None = None
        if placeholder.stream:
            ts = await self._streams.begin(chat, placeholder, await self._identity())
        if ts is None:
            ts = await self._post(chat, placeholder)
        if not ts:
            raise lost("Slack took the message but named no id.", repeatable=False)
        return ts

    async def _post(self, chat: ChatRef, placeholder: Placeholder) -> str:
        look = Look("", placeholder.turn_id, final=False, language=placeholder.language)
        answer = await call(
            self._client.chat_postMessage,
            repeatable=False,
            channel=chat.chat_id,
            thread_ts=chat.thread_id or None,
            metadata=metadata(placeholder.key),
            **message(look),
            **_QUIET,
        )
        return str(answer.get("ts") or "")

    async def edit(self, chat: ChatRef, message_id: str, look: Look) -> None:
        if await self._streamed(chat, message_id, look):
            return
        ended = False
        while True:
            try:
                await self._update(chat, message_id, look)
            except StreamRunning:  # one that another process opened
                if ended:
                    raise
                ended = True
                await self._streams.end(chat, message_id)
            except BlocksRefused:
                if not look.last or self._plain_buttons:
                    raise
                self._plain_buttons = True
            else:
                return

    async def _streamed(self, chat: ChatRef, message_id: str, look: Look) -> bool:
        if message_id not in self._streams:
            return False
        text, buttons = streamed(look, plain_buttons=self._plain_buttons, name_of=self._people.name)
        return await self._streams.goes_on(chat, message_id, look, text, buttons)

    async def _update(self, chat: ChatRef, message_id: str, look: Look) -> None:
        shown = message(look, plain_buttons=self._plain_buttons, name_of=self._people.name)
        await call(self._client.chat_update, channel=chat.chat_id, ts=message_id, **shown, **_INERT)

    async def status(
        self, chat: ChatRef, language: str, *, shown: bool = True, before: int = 0
    ) -> bool:
        """ "is thinking…" beside the bot's name, under the thread."""
        if not chat.thread_id or self._no_status or not self._statuses.take():
            return False
        told = (Phrase("status.before", {"count": before}),) if before else LOADING
        said = say(told[0] if before else THINKING, language) if shown else ""
        loading = [say(one, language) for one in told] if shown else []
        try:
            await call(
                self._client.assistant_threads_setStatus,
                channel_id=chat.chat_id,
                thread_ts=chat.thread_id,
                status=said,
                loading_messages=loading or None,
            )
        except RateLimited:
            return False
        except CredentialsRefused as error:
            self._no_status = True
            _log.info("status_refused", reason=str(error))
            return False
        return True

    async def draft(self, chat: ChatRef, text: str, *, turn_id: int) -> bool:
        return False

    async def delete(self, chat: ChatRef, message_id: str, language: str = "") -> None:
        """What the workspace doesn't let us delete says so instead."""
        self._streams.drop(message_id)
        with suppress(MessageGone):
            try:
                await call(self._client.chat_delete, channel=chat.chat_id, ts=message_id)
            except NotDeletable:
                told = say(REMOVED, language)
                await self.edit(chat, message_id, Look(told, turn_id=0, final=True))

    async def find(
        self, chat: ChatRef, key: str, *, reply_to: str, known: Collection[str] = ()
    ) -> str | None:
        """Read what was written since the question. None where Slack doesn't let us read.

        A stream in which nothing stands carries no key: no other reply is on its way in its thread.
        """
        begun = ""
        try:
            bot = await self._identity()
            async with closing(self._written_since(chat, reply_to)) as written:
                async for one in written:
                    if one.get("bot_id") != bot.bot_id:
                        continue
                    if key_of(one) == key:
                        return str(one.get("ts", ""))
                    if is_begun(one) and one.get("ts") not in known:
                        begun = str(one.get("ts", ""))
        except (CredentialsRefused, RecipientUnreachable):
            return None
        return begun

    async def _identity(self) -> BotIdentity:
        if self._bot is None:
            self._bot = await connect(self._client)
        return self._bot

    async def _written_since(self, chat: ChatRef, ts: str) -> AsyncIterator[Mapping[str, Any]]:
        where: dict[str, Any] = {"channel": chat.chat_id, "oldest": ts or None}
        read: Callable[..., Awaitable[Any]] = self._client.conversations_history
        if chat.thread_id:
            where["ts"], read = chat.thread_id, self._client.conversations_replies
        cursor: str | None = None
        while True:
            page = await call(
                read,
                success="thread_not_found",  # all of it was deleted
                include_all_metadata=True,
                limit=PAGE_MESSAGES,
                cursor=cursor,
                **where,
            )
            for one in page.get("messages") or ():
                if isinstance(one, dict):
                    yield one
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return

    async def mark_waiting(self, chat: ChatRef, message_id: str) -> None:
        await call(
            self._client.reactions_add,
            success="already_reacted",
            channel=chat.chat_id,
            timestamp=message_id,
            name=SEEN,
        )

    async def typing(self, chat: ChatRef) -> None:
        """Slack shows a bot's typing in assistant threads only; the placeholder says it here."""

    async def say(self, chat: ChatRef, text: str, *, reply_to: str = "") -> None:
        await call(
            self._client.chat_postMessage,
            repeatable=False,
            channel=chat.chat_id,
            thread_ts=chat.thread_id or None,
            text=plain(as_typed(text)),
            mrkdwn=False,
            **_QUIET,
        )

    async def say_document(
        self, chat: ChatRef, document: Document, caption: str, *, reply_to: str = ""
    ) -> bool:
        """A file that was given to Slack but in no chat is seen by nobody, and goes by itself."""
        file_id = await upload(self._client, document)
        await call(
            self._client.files_completeUploadExternal,
            repeatable=False,
            files=[{"id": file_id, "title": document.name}],
            channel_id=chat.chat_id,
            thread_ts=chat.thread_id or None,
            initial_comment=plain(as_typed(caption)) or None,
        )
        return True
