"""Albums: messages that belong together, of which a caption, or a mention, stands under one.

Telegram sends them one by one. In a group the others are addressed by that one, in whatever order
they come. What came before it is only remembered, for a minute: should we die in between, those
parts are lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from assistant.messages import ChatRef, Ignored, Incoming, IncomingMessage, Notice
from assistant.service import Assistant
from bots.telegram.addressing import BotIdentity
from bots.telegram.content import album_of
from bots.telegram.parse import parse
from bots.telegram.payload import mapping

REMEMBERED_SECONDS = 60.0
MOST_ALBUMS = 64


def album_id_of(update: Any) -> str:
    """The album that the update's new message is a part of; empty where it is none."""
    return album_of(mapping(mapping(update).get("message")))


_Album = tuple[ChatRef, str]


@dataclass(slots=True)
class AlbumReader:
    """Reads updates of which several may be the parts of one album."""

    assistant: Assistant
    account: str
    _passed: dict[_Album, list[Incoming]] = field(default_factory=dict, init=False)
    _until: dict[_Album, float] = field(default_factory=dict, init=False)
    _said: dict[tuple[_Album, str], float] = field(default_factory=dict, init=False)

    async def read(self, updates: Sequence[Any], identity: BotIdentity) -> Sequence[Incoming]:
        """The updates' values; before them, what of their album came earlier.

        Raises StorageUnavailable.
        """
        items = [parse(one, account=self.account, bot=identity) for one in updates]
        passed_over = [n for n, item in enumerate(items) if item == Ignored("not_addressed")]
        if not album_id_of(updates[0]):
            return items
        parts = [parse(one, account=self.account, bot=identity, in_album=True) for one in updates]
        where = next(((p.chat, p.album) for p in parts if isinstance(p, IncomingMessage)), None)
        if where is None:
            return items
        if len(passed_over) == len(items) and not await self.assistant.in_album(*where):
            self._remember(where, parts)
            return items
        self._forget()
        return [*self._passed.get(where, []), *parts]

    def with_parts(self, asked: IncomingMessage) -> Sequence[Incoming]:
        """A part that was edited to speak to us, and before it what came of its album."""
        passed = self._passed.get((asked.chat, asked.album), [])
        # What it said before is nothing that was said to us.
        others = [one for one in passed if getattr(one, "message_id", "") != asked.message_id]
        return [*others, asked]

    def taken_in(self, items: Sequence[Incoming]) -> None:
        """These are stored: what was remembered of their albums is among them."""
        for one in items:
            if isinstance(one, IncomingMessage):
                self._passed.pop((one.chat, one.album), None)

    def says_it_again(self, notice: Notice, album: str) -> bool:
        """Whether this was said about another part already: ten videos are refused once."""
        if not album:
            return False
        now = asyncio.get_running_loop().time()
        self._said = {one: until for one, until in self._said.items() if until > now}
        again = ((notice.chat, album), notice.phrase.key) in self._said
        self._said[(notice.chat, album), notice.phrase.key] = now + REMEMBERED_SECONDS
        return again

    def _remember(self, album: _Album, parts: Sequence[Incoming]) -> None:
        self._forget()
        if album in self._passed or len(self._passed) < MOST_ALBUMS:
            self._passed.setdefault(album, []).extend(parts)
            self._until[album] = asyncio.get_running_loop().time() + REMEMBERED_SECONDS

    def _forget(self) -> None:
        now = asyncio.get_running_loop().time()
        for album in [one for one, until in self._until.items() if until < now]:
            self._passed.pop(album, None)
            del self._until[album]
