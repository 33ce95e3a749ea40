"""Replies as Slack's streams: a growing text is appended to, instead of written anew each time.

A stream takes only what continues it, and ends by itself after some minutes. Where a text departs
from what was sent, where nobody knows whether an append was carried out, and before its life is
over, it is ended here. Its message then goes on as any other, by chat.update, which says the whole
text: so nothing is missing in it, and nothing stands there twice.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from assistant.channel import Look, Placeholder
from assistant.errors import (
    ChannelError,
    CredentialsRefused,
    MessageGone,
    PlatformUnavailable,
    RateLimited,
    RecipientUnreachable,
    SendOutcomeUnknown,
    StoppedByPerson,
)
from assistant.messages import ChatRef
from bots.graphemes import last_boundary
from bots.slack.client import call
from bots.slack.errors import NotStreaming
from bots.slack.identity import BotIdentity
from bots.slack.metadata import metadata

LIFE_SECONDS = 240.0  # Slack ends a stream after about five minutes (reported)
AGAIN_SECONDS = 3600.0  # until a workspace that has no streams is asked again
_LONGEST_MARK = 400  # characters, for which the end of a `<…>` is waited for

_LAST_CODE = re.compile(r"`+[^`]*\Z")
_LAST_WORD = re.compile(r"[@&<]\S*\Z")

_log = structlog.get_logger()


@dataclass(slots=True)
class Stream:
    """`sent` is what it has been given; `doubtful`: nobody knows whether that is all."""

    key: str
    began: float
    sent: str = ""
    doubtful: bool = False


class Streams:
    """The streams of one workspace that this process has open, by the message's id."""

    def __init__(self, client: AsyncWebClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._open: dict[str, Stream] = {}
        self._quiet_until = 0.0
        self._without: dict[str, float] = {}  # chats that have none, and until when

    def offered(self, chat: ChatRef) -> bool:
        """Whether there are streams here, as far as is known."""
        now = self._clock()
        return now >= self._quiet_until and now >= self._without.get(chat.chat_id, 0.0)

    def __contains__(self, ts: object) -> bool:
        return ts in self._open

    async def begin(self, chat: ChatRef, placeholder: Placeholder, bot: BotIdentity) -> str | None:
        """Open an empty one; returns its message's id. None where Slack has none here."""
        try:
            answer = await call(
                self._client.chat_startStream,
                repeatable=False,
                channel=chat.chat_id,
                thread_ts=chat.thread_id,
                recipient_team_id=bot.team_id if placeholder.asker else None,
                recipient_user_id=placeholder.asker or None,
            )
        except (PlatformUnavailable, SendOutcomeUnknown):
            raise
        except ChannelError as error:  # a message may still be taken
            self._rest(chat, error)
            return None
        ts = str(answer.get("ts") or "")
        if ts:
            self._forget_ended()
            self._open[ts] = Stream(placeholder.key, self._clock())
        return ts

    async def goes_on(
        self, chat: ChatRef, ts: str, look: Look, shown: str, blocks: list[dict[str, Any]]
    ) -> bool:
        """Bring a stream to this look, which reads `shown`; its end has `blocks`. False: it is no
        stream, or none any more, and is to be written whole."""
        stream = self._open.get(ts)
        if stream is None:
            return False
        text = shown if look.final else settled(shown)
        old = self._clock() - stream.began > LIFE_SECONDS
        if old or stream.doubtful or not text.startswith(stream.sent):
            await self.end(chat, ts)
            return False
        rest = text[len(stream.sent) :]
        if not (rest or look.final):
            return True
        stream.doubtful = True  # until its end is known: who is cancelled never learns it
        try:
            if look.final:
                await self._stop(chat, ts, rest, blocks, stream.key)
                self._open.pop(ts, None)
            else:
                await self._append(chat, ts, rest)
                stream.sent = text
        except RateLimited:
            stream.doubtful = False
            raise
        except StoppedByPerson:
            self._open.pop(ts, None)
            raise
        except (PlatformUnavailable, SendOutcomeUnknown, MessageGone, CredentialsRefused):
            raise
        except ChannelError as error:  # chat.update may be taken
            _log.info("stream_given_up", reason=str(error))
            await self.end(chat, ts)
            return False
        stream.doubtful = False
        return True

    async def end(self, chat: ChatRef, ts: str) -> None:
        """End it as it stands, whoever opened it; one that has ended already is success."""
        try:
            await call(self._client.chat_stopStream, channel=chat.chat_id, ts=ts)
        except (NotStreaming, StoppedByPerson):
            pass
        except (RateLimited, PlatformUnavailable, MessageGone, CredentialsRefused):
            raise
        except ChannelError as error:  # whether it runs yet, chat.update says
            _log.info("stream_not_ended", reason=str(error))
        self._open.pop(ts, None)

    def drop(self, ts: str) -> None:
        """The message is gone."""
        self._open.pop(ts, None)

    async def _append(self, chat: ChatRef, ts: str, text: str) -> None:
        await call(
            self._client.chat_appendStream,
            repeatable=False,
            channel=chat.chat_id,
            ts=ts,
            markdown_text=text,
        )

    async def _stop(
        self, chat: ChatRef, ts: str, text: str, blocks: list[dict[str, Any]], key: str
    ) -> None:
        await call(
            self._client.chat_stopStream,
            repeatable=False,
            channel=chat.chat_id,
            ts=ts,
            markdown_text=text or None,
            blocks=blocks or None,
            metadata=metadata(key),
        )

    def _rest(self, chat: ChatRef, error: ChannelError) -> None:
        """Ask for no stream for a while, here or anywhere."""
        _log.info("stream_refused", reason=str(error))
        if isinstance(error, RateLimited):
            self._quiet_until = self._clock() + error.retry_after_seconds
        elif isinstance(error, RecipientUnreachable):
            self._without[chat.chat_id] = self._clock() + AGAIN_SECONDS
        else:
            self._quiet_until = self._clock() + AGAIN_SECONDS

    def _forget_ended(self) -> None:
        """Another replica goes on with these, or nobody."""
        long_ago = self._clock() - 2 * LIFE_SECONDS
        for ts in [ts for ts, one in self._open.items() if one.began < long_ago]:
            del self._open[ts]


def settled(text: str) -> str:
    """As far as the text will read the same whatever follows: without a last word that may become
    a call, a mark that is not closed, code whose end is open, and line ends that a cut may take.
    What was sent can't be taken back. Pure."""
    begins = text.rfind("\n") + 1
    line = text[begins:]
    ends = [len(line)]
    if line.count("`") % 2 and (code := _LAST_CODE.search(line)):
        ends.append(code.start())
    mark = line.rfind("<")
    if mark >= 0 and ">" not in line[mark:] and len(line) - mark < _LONGEST_MARK:
        ends.append(mark)
    if word := _LAST_WORD.search(line):
        ends.append(word.start())
    end = begins + min(ends)
    if end and text[end - 1] > "\u02ff":  # a mark or a joiner may still belong to it
        end = last_boundary(text, 0, end - 1)
    return text[:end].rstrip("\n")
