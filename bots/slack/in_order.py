"""Notices of one chat one after the other, in the order in which they were to be said."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from assistant.channel import Notices
from assistant.messages import ChatRef, Document


@dataclass(frozen=True, slots=True)
class InOrder:
    channel: Notices
    _chats: WeakValueDictionary[str, asyncio.Lock] = field(
        default_factory=WeakValueDictionary, init=False
    )

    @property
    def name(self) -> str:
        return self.channel.name

    @property
    def account(self) -> str:
        return self.channel.account

    async def typing(self, chat: ChatRef) -> None:
        await self.channel.typing(chat)

    async def say(self, chat: ChatRef, text: str, *, reply_to: str = "") -> None:
        async with self._turn(chat):
            await self.channel.say(chat, text, reply_to=reply_to)

    async def say_document(
        self, chat: ChatRef, document: Document, caption: str, *, reply_to: str = ""
    ) -> bool:
        async with self._turn(chat):
            return await self.channel.say_document(chat, document, caption, reply_to=reply_to)

    def _turn(self, chat: ChatRef) -> asyncio.Lock:
        """Who asks first is first; a lock that nobody holds or waits for is forgotten."""
        return self._chats.setdefault(chat.chat_id, asyncio.Lock())
