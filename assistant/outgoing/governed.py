"""A channel whose notices pass the chat's budget, for whoever answers without a turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from assistant.channel import Act, Channel
from assistant.errors import ChannelError, PlatformUnavailable, RateLimited
from assistant.messages import ChatRef, Document
from assistant.outgoing.budget import Call
from assistant.outgoing.governor import Governor

# Whoever says a notice holds up the chat's messages that came after, but a person waits for it:
# only after so long is it left unsaid. What nobody waits for (a mark) is left out sooner.
NOTICE_SECONDS = 30.0
MARK_SECONDS = 5.0
AWAY_SECONDS = (1.0, 2.0, 5.0)  # before a platform that was away is asked again

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class GovernedChannel:
    """Implements `assistant.channel.Notices`. A refused notice waits and is said once more, one
    that certainly was not taken a few times.

    It comes before edits, as a reply's end does. Raises RateLimited also for a call that could be
    made only after NOTICE_SECONDS, or MARK_SECONDS.
    """

    channel: Channel
    governor: Governor

    @property
    def name(self) -> str:
        return self.channel.name

    @property
    def account(self) -> str:
        return self.channel.account

    async def delete(self, chat: ChatRef, message_id: str, language: str = "") -> None:
        async with self._governed(chat):
            await self.channel.delete(chat, message_id, language)

    async def within(
        self, chat: ChatRef, call: Callable[[], Awaitable[T]], at_most_seconds: float = MARK_SECONDS
    ) -> T:
        """A call of the platform's own that writes into this chat, by the chat's budget."""
        async with self._governed(chat, at_most_seconds, act="post"):
            return await call()

    async def mark_waiting(self, chat: ChatRef, message_id: str) -> None:
        async with self._governed(chat):
            await self.channel.mark_waiting(chat, message_id)

    async def typing(self, chat: ChatRef) -> None:
        """No platform counts it; inside a penalty it is left out like any other call."""
        if await self.governor.closed(chat):
            raise RateLimited(MARK_SECONDS)
        try:
            await self.channel.typing(chat)
        except RateLimited as error:
            await self.governor.penalize(chat, error.retry_after_seconds)
            raise

    async def say(self, chat: ChatRef, text: str, *, reply_to: str = "") -> None:
        await _insistently(lambda: self._say(chat, text, reply_to))

    async def _say(self, chat: ChatRef, text: str, reply_to: str) -> None:
        async with self._governed(chat, NOTICE_SECONDS, act="post"):
            await self.channel.say(chat, text, reply_to=reply_to)

    async def say_document(
        self, chat: ChatRef, document: Document, caption: str, *, reply_to: str = ""
    ) -> bool:
        return await _insistently(lambda: self._say_document(chat, document, caption, reply_to))

    async def _say_document(
        self, chat: ChatRef, document: Document, caption: str, reply_to: str
    ) -> bool:
        async with self._governed(chat, NOTICE_SECONDS, act="post"):
            return await self.channel.say_document(chat, document, caption, reply_to=reply_to)

    @asynccontextmanager
    async def _governed(
        self, chat: ChatRef, at_most_seconds: float = MARK_SECONDS, *, act: Act = "other"
    ) -> AsyncIterator[None]:
        """One call to the platform. A penalty that it answers with is noted."""
        call: Call = "other" if act == "other" else "final"
        pace = self.channel.pace_of(act)
        await self.governor.permit(chat, pace, at_most_seconds, call=call)
        try:
            yield
        except ChannelError as error:
            self.governor.done(chat, pace)
            if isinstance(error, RateLimited):
                await self.governor.penalize(chat, error.retry_after_seconds)
            raise
        self.governor.done(chat, pace)


async def _insistently(say: Callable[[], Awaitable[T]]) -> T:
    for pause in AWAY_SECONDS:
        try:
            return await _once_more(say)
        except PlatformUnavailable:
            await asyncio.sleep(pause)
    return await _once_more(say)


async def _once_more(say: Callable[[], Awaitable[T]]) -> T:
    try:
        return await say()
    except RateLimited:
        return await say()
