"""The matrix as a table: a row a point."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tests.benchmarks.markdown import _aligned
from tests.faults.matrix.episode import Outcome
from tests.faults.matrix.points import CORE, POINTS

COLUMNS = (
    "point",
    "runs",
    "struck",
    "lost",
    "doubled",
    "wrong order",
    "other text",
    "placeholders left",
    "recovered, median s",
    "p99 s",
)


def rendered(outcomes: Sequence[Outcome]) -> str:
    rows = [COLUMNS]
    for point in (*POINTS, CORE):
        of_point = [one for one in outcomes if one.case.point is point]
        if of_point:
            rows.append(_row(point.title, of_point))
    rows.append(_row("**all**", outcomes))
    return "\n".join(_aligned(rows))


def _row(title: str, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    verdicts = [one.verdict for one in outcomes]
    seconds = [one.recovered_seconds for one in outcomes if one.hit]
    counts = (
        len(outcomes),
        sum(one.hit for one in outcomes),
        sum(one.lost for one in verdicts),
        sum(one.doubled for one in verdicts),
        sum(one.disorder for one in verdicts),
        sum(one.garbled for one in verdicts),
        sum(one.left for one in verdicts),
    )
    times = (f"{statistics.median(seconds):.1f}", f"{_p99(seconds):.1f}") if seconds else ("", "")
    return (title, *(f"{count:,}" for count in counts), *times)


def _p99(values: Sequence[float]) -> float:
    """Of fewer than a hundred values the largest."""
    if len(values) < 100:
        return max(values)
    return statistics.quantiles(values, n=100, method="inclusive")[98]
