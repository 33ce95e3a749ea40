"""Answers that somebody waits for right now (a pressed button, a question being typed): tried once.

They pass no chat's budget, since they write into no chat. When Telegram asks for a pause, there
are none until it is over: who calls on inside a pause makes it longer, for all chats.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from telegram.error import TelegramError

from bots.telegram.request import FloodWait

_log = structlog.get_logger()


@dataclass(slots=True)
class Answering:
    clock: Callable[[], float] = time.monotonic  # seconds
    _quiet_until: float = field(default=0.0, init=False)

    async def once(self, call: Callable[[], Awaitable[object]]) -> None:
        """A call that fails is left: it would come too late."""
        if self.clock() < self._quiet_until:
            return
        try:
            await call()
        except TelegramError as error:
            if isinstance(error, FloodWait):
                self._quiet_until = self.clock() + error.seconds
            _log.debug("not_answered_in_time", error=type(error).__name__)
