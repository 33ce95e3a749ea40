"""How long each phase of an engine's start takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from inference.api import Progress

PHASES = 20  # more than any start has: each becomes a label of the metrics


def phase_of(line: str) -> str:
    """A line for people without what it says of the phase: "fetching the model (93 MB)"."""
    return line.partition(":")[0].partition(" (")[0].strip()


@dataclass(slots=True)
class StartClock:
    """A `Progress` that passes everything on and keeps the time. A phase that comes again adds up;
    "ready" ends the last."""

    progress: Progress
    now: Callable[[], float] = time.monotonic
    _seconds: dict[str, float] = field(default_factory=dict, init=False)
    _phase: str = field(default="", init=False)
    _begun: float = field(default=0.0, init=False)

    def __call__(self, line: str, share: float | None) -> None:
        phase = phase_of(line)
        if phase != self._phase:
            now = self.now()
            self._end_phase(now)
            self._phase, self._begun = phase, now
        self.progress(line, share)

    @property
    def seconds(self) -> Mapping[str, float]:
        """Of the phases that are over."""
        return dict(self._seconds)

    def _end_phase(self, now: float) -> None:
        if self._phase and (self._phase in self._seconds or len(self._seconds) < PHASES):
            spent = now - self._begun
            self._seconds[self._phase] = self._seconds.get(self._phase, 0.0) + spent
