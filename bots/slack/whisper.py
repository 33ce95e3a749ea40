"""What one person alone is told."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from assistant.channel import Notices
from assistant.errors import ChannelError
from assistant.messages import ButtonPressed, ChatRef, Document
from bots.slack.client import call
from bots.slack.orders import as_typed
from bots.slack.render import plain

_log = structlog.get_logger()


async def whisper(client: AsyncWebClient, pressed: ButtonPressed, word: str) -> None:
    """The word that a pressed button is answered with. Once: later it would come too late."""
    chat = pressed.chat
    try:
        await call(
            client.chat_postEphemeral,
            repeatable=False,
            channel=chat.chat_id,
            user=pressed.sender_id,
            thread_ts=chat.thread_id or None,
            text=plain(as_typed(word)),
            mrkdwn=False,
        )
    except ChannelError as error:
        _log.debug("button_not_answered", code=error.code)


def to_one_person(text: str) -> dict[str, str]:
    """The answer to a slash command, seen by who gave it alone."""
    return {"response_type": "ephemeral", "text": text}


@dataclass(slots=True)
class Overheard:
    """Keeps what is said, for the answer to a slash command; there is no room for a file."""

    channel: Notices
    _said: list[str] = field(default_factory=list, init=False)

    @property
    def name(self) -> str:
        return self.channel.name

    @property
    def account(self) -> str:
        return self.channel.account

    async def typing(self, chat: ChatRef) -> None:
        await self.channel.typing(chat)

    @property
    def text(self) -> str:
        return "\n".join(self._said)

    async def say(self, chat: ChatRef, text: str, *, reply_to: str = "") -> None:
        self._said.append(plain(as_typed(text)))

    async def say_document(
        self, chat: ChatRef, document: Document, caption: str, *, reply_to: str = ""
    ) -> bool:
        return False
