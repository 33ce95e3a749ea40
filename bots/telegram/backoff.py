"""Growing pauses between tries."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Pauses that double from `first` to `longest` seconds until `reset`."""

    first: float = 1.0
    longest: float = 30.0
    next: float = 0.0

    async def pause(self, at_least: float = 0.0) -> None:
        self.next = min(max(self.next * 2, self.first), self.longest)
        await asyncio.sleep(max(self.next, at_least))

    def reset(self) -> None:
        self.next = 0.0
