"""The sign of life: "typing…" in the moment in which a message comes, before it is stored."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog

from assistant.channel import Notices
from assistant.errors import ChannelError
from assistant.messages import ChatRef

AT_ONCE = 16  # on the wire: the calls that answer find free connections, and set out in time
WAITING = 300  # in a larger crowd it would come too late

_log = structlog.get_logger()


@dataclass(slots=True)
class SignsOfLife:
    """Nobody waits for them, and one that can't be shown is not missed."""

    channel: Notices
    _under_way: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _places: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(AT_ONCE), init=False
    )

    def show(self, chat: ChatRef) -> None:
        if len(self._under_way) < WAITING:
            task = asyncio.create_task(self._show(chat))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _show(self, chat: ChatRef) -> None:
        try:
            async with self._places:
                await self.channel.typing(chat)
        except ChannelError as error:
            _log.debug("typing_not_shown", code=error.code)
