"""The channel port on Slack's Web API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from assistant.channel import Look, Pace
from assistant.errors import CredentialsRefused, MessageGone, RecipientUnreachable
from assistant.messages import ChatRef, Document
from assistant.phrases import Phrase, say
from bots.closing import closing
from bots.slack.client import call, connect
from bots.slack.errors import BlocksRefused, NotDeletable, lost
from bots.slack.orders import as_typed
from bots.slack.people import People
from bots.slack.render import message, plain
from bots.slack.split import PIECE_UNITS, split
from bots.slack.uploads import upload

EVENT_TYPE = "outrider_turn"
PAGE_MESSAGES = 200  # the most that Slack recommends
SEEN = "eyes"
REMOVED = Phrase("ending.removed")  # where a message can't be taken away

# chat.postMessage takes one a second in a channel, chat.update 50 a minute in a workspace
_PACE = Pace(
    private_interval_seconds=1.3, group_interval_seconds=1.3, account_calls_per_second=50 / 60
)
# No link previews, and no guessing of names: nothing but what the blocks say
_INERT: dict[str, Any] = {"parse": "none", "link_names": False}
_QUIET: dict[str, Any] = {"unfurl_links": False, "unfurl_media": False, **_INERT}


class SlackChannel:
    """One workspace's bot. Raises `assistant.errors.ChannelError` only."""

    def __init__(
        self, client: AsyncWebClient, *, account: str = "default", people: People | None = None
    ) -> None:
        self._client = client
        self._account = account
        self._people = people or People(client)
        self._plain_buttons = False  # Slack takes no feedback buttons here

    @property
    def name(self) -> str:
        return "slack"

    @property
    def account(self) -> str:
        return self._account

    @property
    def pace(self) -> Pace:
        return _PACE

    @property
    def message_characters(self) -> int:
        return PIECE_UNITS

    def split(self, text: str) -> Sequence[str]:
        return split(text)

    def shows(self, text: str) -> bool:
        return text.strip() != ""

    async def post(
        self, chat: ChatRef, *, turn_id: int, key: str, reply_to: str, language: str = ""
    ) -> str:
        """`reply_to` is not used: the thread that a reply belongs to is the chat's."""
        answer = await call(
            self._client.chat_postMessage,
            repeatable=False,
            channel=chat.chat_id,
            thread_ts=chat.thread_id or None,
            metadata=_metadata(key),
            **message(Look("", turn_id, final=False, language=language)),
            **_QUIET,
        )
        ts = answer.get("ts")
        if not isinstance(ts, str) or not ts:
            raise lost("Slack took the message but named no id.", repeatable=False)
        return ts

    async def edit(self, chat: ChatRef, message_id: str, look: Look) -> None:
        async def show() -> None:
            shown = message(look, plain_buttons=self._plain_buttons, name_of=self._people.name)
            await call(
                self._client.chat_update,
                channel=chat.chat_id,
                ts=message_id,
                **shown,
                **_INERT,
            )

        try:
            await show()
        except BlocksRefused:
            if not look.last or self._plain_buttons:
                raise
            self._plain_buttons = True
            await show()

    async def draft(self, chat: ChatRef, text: str, *, turn_id: int) -> bool:
        return False

    async def delete(self, chat: ChatRef, message_id: str, language: str = "") -> None:
        """What the workspace doesn't let us delete says so instead."""
        with suppress(MessageGone):
            try:
                await call(self._client.chat_delete, channel=chat.chat_id, ts=message_id)
            except NotDeletable:
                told = say(REMOVED, language)
                await self.edit(chat, message_id, Look(told, turn_id=0, final=True))

    async def find(self, chat: ChatRef, key: str, *, reply_to: str) -> str | None:
        """Read what was written since the question. None where Slack doesn't let us read."""
        try:
            bot = await connect(self._client)
            async with closing(self._written_since(chat, reply_to)) as written:
                async for one in written:
                    if one.get("bot_id") == bot.bot_id and _key_of(one) == key:
                        return str(one.get("ts", ""))
        except (CredentialsRefused, RecipientUnreachable):
            return None
        return ""

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


def _metadata(key: str) -> dict[str, Any]:
    """Lets a reply be found again when the answer to its post was lost."""
    return {"event_type": EVENT_TYPE, "event_payload": {"reply": key}}


def _key_of(message: Mapping[str, Any]) -> str:
    metadata = message.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT_TYPE:
        return ""
    return str((metadata.get("event_payload") or {}).get("reply", ""))
