"""The channel port on Slack's Web API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from assistant.channel import Pace
from assistant.messages import ChatRef
from bots.slack.client import call
from bots.slack.errors import lost
from bots.slack.render import message, plain
from bots.slack.split import split

EVENT_TYPE = "outrider_turn"

# chat.postMessage takes one a second in a channel, chat.update 50 a minute in a workspace
_PACE = Pace(
    private_interval_seconds=1.3, group_interval_seconds=1.3, account_calls_per_second=50 / 60
)
# No link previews, and no guessing of names: nothing but what the blocks say
_INERT: dict[str, Any] = {"parse": "none", "link_names": False}
_QUIET: dict[str, Any] = {"unfurl_links": False, "unfurl_media": False, **_INERT}


class SlackChannel:
    """One workspace's bot. Raises `assistant.errors.ChannelError` only."""

    def __init__(self, client: AsyncWebClient, *, account: str = "default") -> None:
        self._client = client
        self._account = account

    @property
    def name(self) -> str:
        return "slack"

    @property
    def account(self) -> str:
        return self._account

    @property
    def pace(self) -> Pace:
        return _PACE

    def split(self, text: str) -> Sequence[str]:
        return split(text)

    async def post(
        self, chat: ChatRef, text: str, *, turn_id: int, reply_to: str, final: bool
    ) -> str:
        """`reply_to` is not used: the thread that a reply belongs to is the chat's."""
        answer = await call(
            self._client.chat_postMessage,
            repeatable=False,
            channel=chat.chat_id,
            thread_ts=chat.thread_id or None,
            metadata=_metadata(turn_id),
            **message(text, turn_id, final=final),
            **_QUIET,
        )
        ts = answer.get("ts")
        if not isinstance(ts, str) or not ts:
            raise lost("Slack took the message but named no id.", repeatable=False)
        return ts

    async def edit(
        self, chat: ChatRef, message_id: str, text: str, *, turn_id: int, final: bool
    ) -> None:
        await call(
            self._client.chat_update,
            channel=chat.chat_id,
            ts=message_id,
            metadata=_metadata(turn_id),
            **message(text, turn_id, final=final),
            **_INERT,
        )

    async def delete(self, chat: ChatRef, message_id: str) -> None:
        await call(self._client.chat_delete, channel=chat.chat_id, ts=message_id)

    async def typing(self, chat: ChatRef) -> None:
        """Slack shows a bot's typing in assistant threads only; the placeholder says it here."""

    async def say(self, chat: ChatRef, text: str, *, reply_to: str = "") -> None:
        await call(
            self._client.chat_postMessage,
            repeatable=False,
            channel=chat.chat_id,
            thread_ts=chat.thread_id or None,
            text=plain(text),
            mrkdwn=False,
            **_QUIET,
        )


def _metadata(turn_id: int) -> dict[str, Any]:
    """Lets a reply be found again when the answer to its post was lost."""
    return {"event_type": EVENT_TYPE, "event_payload": {"turn_id": str(turn_id)}}
