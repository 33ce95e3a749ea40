"""A message that is being streamed: how it may grow, and when Slack ends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

LIFE_SECONDS = 300.0  # about five minutes from its start, whatever is appended (reported)

State = Literal["streaming", "stopped", "stopped_by_user", "expired"]


@dataclass(slots=True)
class Stream:
    """`mode` is what it was opened with: a stream takes only that (streaming_mode_mismatch)."""

    started: float
    life_seconds: float
    mode: Literal["", "markdown_text", "chunks"] = ""
    recipient_user: str = ""
    recipient_team: str = ""
    ended: Literal["", "stopped", "stopped_by_user"] = ""
    appends: int = 0
    plan: str = ""
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)

    def state(self, now: float) -> State:
        if self.ended:
            return self.ended
        return "expired" if now >= self.started + self.life_seconds else "streaming"
