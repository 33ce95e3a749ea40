"""Telegram's flood limits. Who writes on inside a penalty makes it longer."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fakes.telegram.refusals import too_many


@dataclass(frozen=True)
class Limits:
    chat_per_second: float = 1.0
    chat_burst: int = 3
    group_per_minute: int = 20
    account_per_second: int = 30
    first_penalty_seconds: int = 3

    @staticmethod
    def none() -> Limits:
        return Limits(math.inf, 10**9, 10**9, 10**9)


@dataclass
class _Chat:
    calls: deque[float] = field(default_factory=deque)  # of the last minute
    tokens: float = 0.0
    filled_at: float = -math.inf
    penalty: int = 0
    until: float = 0.0


class FloodControl:
    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.ignored_penalties = 0  # calls that came inside a penalty
        self._clock = clock
        self._chats: dict[int, _Chat] = defaultdict(_Chat)
        self._account: deque[float] = deque()

    def check(self, chat_id: int) -> None:
        """Count one call that writes into this chat. Raises Refused (429)."""
        now, chat = self._clock(), self._chats[chat_id]
        if now < chat.until:
            self.ignored_penalties += 1
            self._punish(chat, now, chat.penalty * 2)
        if self._too_fast(chat_id, chat, now):
            self._punish(chat, now, self.limits.first_penalty_seconds)
        chat.penalty = 0
        chat.tokens -= 1
        chat.calls.append(now)
        self._account.append(now)

    def punish(self, chat_id: int, seconds: int) -> None:
        """Start a penalty by hand."""
        chat = self._chats[chat_id]
        chat.penalty, chat.until = seconds, self._clock() + seconds

    def _punish(self, chat: _Chat, now: float, seconds: int) -> None:
        chat.penalty, chat.until = seconds, now + seconds
        raise too_many(seconds)

    def _too_fast(self, chat_id: int, chat: _Chat, now: float) -> bool:
        limits = self.limits
        _forget(chat.calls, now - 60)
        _forget(self._account, now - 1)
        gained = (now - chat.filled_at) * limits.chat_per_second
        chat.tokens, chat.filled_at = min(chat.tokens + gained, limits.chat_burst), now
        return (
            chat.tokens < 1
            or (chat_id < 0 and len(chat.calls) >= limits.group_per_minute)
            or len(self._account) >= limits.account_per_second
        )


def _forget(calls: deque[float], before: float) -> None:
    while calls and calls[0] <= before:
        calls.popleft()
