"""Time, for servers whose hours should pass in seconds."""

from __future__ import annotations


class HandClock:
    """Stands still until it is moved. `FakeTelegram(clock=HandClock())`."""

    def __init__(self, start: float = 0.0) -> None:
        self.seconds = start

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
