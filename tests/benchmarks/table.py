"""What a measurement hands back."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

P99_NEEDS = 100  # with fewer values the 99th percentile is only another name for the largest


@dataclass(frozen=True, slots=True)
class Target:
    """Judged by the median, or by the 99th percentile, which is the largest of a few values."""

    bound: Literal["at most", "at least"]
    value: float
    of: Literal["median", "p99"] = "median"

    def met(self, measured: float) -> bool:
        return measured <= self.value if self.bound == "at most" else measured >= self.value


@dataclass(frozen=True, slots=True)
class Row:
    """One thing, measured `len(values)` times. `unit` is "" for a ratio."""

    what: str
    unit: str
    values: Sequence[float]
    target: Target | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def p99(self) -> float | None:
        if len(self.values) < P99_NEEDS:
            return None
        return statistics.quantiles(self.values, n=100, method="inclusive")[98]

    @property
    def met(self) -> bool | None:
        """None where nothing was aimed at."""
        if self.target is None:
            return None
        judged = self.median
        if self.target.of == "p99":
            judged = max(self.values) if self.p99 is None else self.p99
        return self.target.met(judged)


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done: `quick` shows that a measurement works, its figures say little."""

    quick: bool = False

    def repetitions(self, full: int, quick: int = 1) -> int:
        return quick if self.quick else full
