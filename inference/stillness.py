"""Whether an engine is stuck: alive to look at, and yet nothing moves while answers wait."""

from __future__ import annotations

from dataclasses import dataclass, field

from inference.api import EngineStatistics

MOST_SECONDS = 2.0  # that count between two looks: who stood still may be we ourselves


@dataclass(slots=True)
class Stillness:
    """Any step for anybody is a sign of life, so a long prompt that is read in pieces is one too.

    `after_seconds` without a step while requests wait is stuck; 0 never is.
    """

    after_seconds: float
    _steps: int | None = field(default=None, init=False)
    _still: float = field(default=0.0, init=False)
    _looked: float = field(default=0.0, init=False)

    def stuck(self, seen: EngineStatistics, now: float) -> bool:
        """Look once; `now` is a steady clock's. Of looks more than MOST_SECONDS apart only so much
        counts."""
        since, self._looked = now - self._looked, now
        moved = seen.steps is None or seen.steps != self._steps
        self._steps = seen.steps
        if moved or not seen.requests_running:
            self._still = 0.0
        else:
            self._still += min(since, MOST_SECONDS)
        return 0 < self.after_seconds <= self._still
