"""What an engine counts of itself, as plain numbers; metrics are made of it elsewhere.

A `Distribution` is what Prometheus calls a histogram. Counters only grow, over every start of the
engine; what is in flight is as it was at the last step. This module imports no torch.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

# Seconds. A first token takes 10 ms on a warm cache and minutes behind a queue; a further one takes
# 3 ms on an H100 and a quarter of a second where many share a CPU.
TO_FIRST_TOKEN = (0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
PER_TOKEN = (0.002, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0)
OF_REQUESTS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)


@dataclass(frozen=True, slots=True)
class Distribution:
    """`counts[i]` values were at most `bounds[i]` (and above the bound before); the last count,
    one more than there are bounds, is of those above all. `total` is the sum of the values."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


@dataclass(slots=True)
class Observed:
    """A distribution that grows."""

    bounds: tuple[float, ...]
    total: float = 0.0
    counts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, values: Sequence[float]) -> None:
        for value in values:
            self.counts[bisect_left(self.bounds, value)] += 1
            self.total += value

    def so_far(self) -> Distribution:
        return Distribution(self.bounds, tuple(self.counts), self.total)
