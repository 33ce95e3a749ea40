"""Slack's rates: tiers per method and workspace, and one post a second in a channel."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

# Calls a minute, by method; Slack's tiers 1 to 4
_PER_MINUTE = {
    "apps.connections.open": 20,
    "chat.update": 50,
    "chat.delete": 50,
    "conversations.history": 50,
    "conversations.replies": 50,
    "reactions.add": 50,
    "assistant.threads.setStatus": 100,
    "auth.test": 100,
}


@dataclass(frozen=True, slots=True)
class Rates:
    """`post_seconds` between posts in one channel, after a burst of `post_burst`."""

    post_seconds: float = 1.0
    post_burst: int = 4
    enforced: bool = True


class RateLimiter:
    def __init__(self, rates: Rates, clock: Callable[[], float]) -> None:
        self._rates = rates
        self._clock = clock
        self._calls: dict[str, deque[float]] = defaultdict(deque)

    def retry_after(self, method: str, channel: str) -> int | None:
        """Whole seconds to wait, or None where the call may go on (and is counted)."""
        if not self._rates.enforced:
            return None
        if method == "chat.postMessage":
            burst = self._rates.post_burst
            return self._check(f"post {channel}", burst, burst * self._rates.post_seconds)
        if allowed := _PER_MINUTE.get(method):
            return self._check(method, allowed, 60.0)
        return None

    def _check(self, key: str, allowed: int, window: float) -> int | None:
        now, calls = self._clock(), self._calls[key]
        while calls and calls[0] <= now - window:
            calls.popleft()
        if len(calls) < allowed:
            calls.append(now)
            return None
        return max(1, math.ceil(calls[0] + window - now))
