"""One thing that Slack delivers, and what became of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["events_api", "interactive", "slash_commands"]


@dataclass(slots=True)
class Delivery:
    """`reasons` are those that Slack gave when it came again; `answer` came with the ack.

    `left` and `taken`: when it was sent first, and when its acknowledgement came; in seconds of the
    wall's time.
    """

    kind: str
    body: dict[str, Any]
    attempts: int = 0
    statuses: list[int] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    answer: Any = None
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)
    on_answer: Callable[[Any], None] | None = None
    no_retry: bool = False
    left: float = field(default_factory=time.time)
    taken: float = 0.0

    @property
    def event_type(self) -> str:
        if self.kind == "slash_commands":
            return str(self.body["command"])
        event = self.body.get("event", self.body)
        return str(event.get("subtype") or event["type"])

    def take(self, answer: Any) -> None:
        """The bot has acknowledged it; the first answer counts."""
        first = not self.acknowledged.is_set()
        self.acknowledged.set()
        if first:
            self.taken = time.time()
        if first and answer:
            self.answer = answer
            if self.on_answer:
                self.on_answer(answer)
