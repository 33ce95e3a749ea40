"""How long people waited: percentiles, from counts in buckets that can be added up."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal, get_args

from assistant.insight.cells import GROWTH, LEAST_SECONDS, TIMED, WANTED
from assistant.insight.choice import Choice
from assistant.insight.group import Place, groups_of
from assistant.storage.database import Database

# Since the message came: the model's first token, the first text that the person saw, the end.
Measure = Literal["first_token", "first_visible", "whole"]
MEASURES: tuple[Measure, ...] = get_args(Measure)

_CELL = "day, channel, persona, persona_version, measure"
# A histogram of each day, cell and measure.
LATENCIES = f"""
SELECT CAST(date_trunc(%(period)s, CAST(day AS timestamp)) AS date) AS period,
    channel, persona, persona_version, measure, buckets, counts
FROM (
    SELECT {_CELL}, buckets, counts FROM figure_latencies
    WHERE day >= %(first)s AND day <= %(kept_until)s
    UNION ALL
    SELECT {_CELL}, array_agg(bucket), array_agg(turns) FROM ({TIMED}) AS live GROUP BY {_CELL}
) AS histograms WHERE {WANTED}
"""
SHARES = (0.5, 0.9, 0.99)

_Histogram = dict[int, int]


@dataclass(frozen=True, slots=True)
class Latency:
    """In seconds: half, nine in ten, ninety-nine in a hundred of the answers were there by then."""

    answers: int
    p50: float
    p90: float
    p99: float


async def latencies(
    database: Database, choice: Choice, values: Mapping[str, object]
) -> Mapping[Place, Mapping[Measure, Latency]]:
    """Of what was chosen. See `Standing.values`."""
    rows = await database.rows(LATENCIES, values)
    # Of years, and of many versions, there is much to add up: others are not held up by it.
    return await asyncio.to_thread(_latencies, rows, choice)


def _latencies(rows: Sequence[Any], choice: Choice) -> Mapping[Place, Mapping[Measure, Latency]]:
    summed: dict[Place, dict[Measure, _Histogram]] = defaultdict(dict)
    for row in rows:
        for group in groups_of(row, choice):
            for place in (Place(row.period, group), Place(None, group)):
                histogram = summed[place].setdefault(row.measure, {})
                for bucket, count in zip(row.buckets, row.counts, strict=True):
                    histogram[bucket] = histogram.get(bucket, 0) + count
    return {
        place: {measure: latency_of(histogram) for measure, histogram in measures.items()}
        for place, measures in summed.items()
    }


def latency_of(histogram: Mapping[int, int]) -> Latency:
    """`histogram`: how many answers there are in each bucket, at least one in all."""
    buckets = sorted(histogram)
    up_to = list(accumulate(histogram[bucket] for bucket in buckets))
    answers = up_to[-1]
    found = (buckets[bisect_left(up_to, share * answers)] for share in SHARES)
    return Latency(answers, *map(seconds_of, found))


def seconds_of(bucket: int) -> float:
    """The middle of a bucket."""
    return float(LEAST_SECONDS * GROWTH ** (bucket + 0.5))
