"""Slack's rates: tiers per method and workspace, and one post a second in a channel."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

# Calls a minute; Slack's tiers 1 to 4, of which the first is "1+"
_TIERS = {1: 1, 2: 20, 3: 50, 4: 100}
_TIER = {
    "assistant.threads.setSuggestedPrompts": 4,
    "assistant.threads.setTitle": 4,
    "auth.revoke": 3,
    "chat.appendStream": 4,
    "chat.delete": 3,
    "chat.postEphemeral": 4,
    "chat.startStream": 2,
    "chat.stopStream": 2,
    "chat.update": 3,
    "conversations.history": 3,
    "conversations.info": 3,
    "conversations.replies": 3,
    "files.completeUploadExternal": 4,
    "files.getUploadURLExternal": 4,
    "files.info": 4,
    "oauth.v2.access": 4,
    "reactions.add": 3,
    "reactions.remove": 2,
    "users.info": 4,
    "views.open": 4,
    "views.publish": 4,
    "views.update": 4,
}
# Methods with limits of their own
_PER_MINUTE = {
    "apps.connections.open": 20,
    "assistant.threads.setStatus": 600,
    "auth.test": 600,
    **{method: _TIERS[tier] for method, tier in _TIER.items()},
}
_UNLISTED = ("conversations.history", "conversations.replies")


@dataclass(frozen=True, slots=True)
class Rates:
    """`post_seconds` between posts in one channel, after a burst of `post_burst`.

    `unlisted`: for an app that is sold outside Slack's marketplace, which may read a
    conversation once a minute.
    """

    post_seconds: float = 1.0
    post_burst: int = 4
    enforced: bool = True
    unlisted: bool = False


class RateLimiter:
    def __init__(self, rates: Rates, clock: Callable[[], float]) -> None:
        self._rates = rates
        self._clock = clock
        self._calls: dict[str, deque[float]] = defaultdict(deque)

    def retry_after(self, method: str, channel: str, team: str = "") -> int | None:
        """Whole seconds to wait, or None where the call may go on (and is counted)."""
        if not self._rates.enforced:
            return None
        if method == "chat.postMessage":
            burst = self._rates.post_burst
            return self._check(f"post {team} {channel}", burst, burst * self._rates.post_seconds)
        if self._rates.unlisted and method in _UNLISTED:
            return self._check(f"{team} {method}", 1, 60.0)
        if allowed := _PER_MINUTE.get(method):
            return self._check(f"{team} {method}", allowed, 60.0)
        return None

    def _check(self, key: str, allowed: int, window: float) -> int | None:
        now, calls = self._clock(), self._calls[key]
        while calls and calls[0] <= now - window:
            calls.popleft()
        if len(calls) < allowed:
            calls.append(now)
            return None
        return max(1, math.ceil(calls[0] + window - now))
