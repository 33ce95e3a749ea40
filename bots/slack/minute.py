"""So many calls of one kind in any minute: for what no answer waits for, and no budget counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

SECONDS = 60.0


@dataclass(slots=True)
class Minute:
    """`clock` in seconds."""

    most: int
    clock: Callable[[], float]
    _made: deque[float] = field(default_factory=deque, init=False)

    def take(self) -> bool:
        """Whether one more may be made now; then it counts."""
        now = self.clock()
        while self._made and self._made[0] <= now - SECONDS:
            self._made.popleft()
        if len(self._made) >= self.most:
            return False
        self._made.append(now)
        return True
