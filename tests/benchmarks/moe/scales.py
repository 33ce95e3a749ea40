"""Logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Scale:
    """From values `low` to `high`, which lie equal ratios apart, to places `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)


def decades(values: Sequence[float]) -> tuple[float, float]:
    """The bounds 1, 2 or 5 times a power of ten that hold all of them, at least a decade apart."""
    steps = [mantissa * 10.0**power for power in range(-9, 13) for mantissa in (1, 2, 5)]
    low = max(one for one in steps if one <= min(values))
    high = min(one for one in steps if one >= max(values) and one >= 9.99 * low)
    return low, high


def marks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times each power of ten between them."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [mantissa * 10.0**power for power in powers for mantissa in (1, 2, 5)]
    return [one for one in steps if low * 0.999 <= one <= high * 1.001]


def apart(places: Sequence[float], least: float, end: float) -> list[float]:
    """As near to their places as they can be, none nearer to another than `least`, none beyond
    `end`."""
    order = sorted(range(len(places)), key=lambda one: places[one])
    moved = list(places)
    for before, here in pairwise(order):
        moved[here] = max(moved[here], moved[before] + least)
    for rank, one in enumerate(reversed(order)):
        moved[one] = min(moved[one], end - rank * least)
    return moved
