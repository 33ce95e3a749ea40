"""How long people waited: percentiles, from counts in buckets that can be added up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from assistant.insight.cells import GROWTH, LEAST_SECONDS, TIMED, WANTED
from assistant.insight.choice import Choice
from assistant.insight.group import Place, groups_of
from assistant.storage.database import Database

# Since the message came: the model's first token, the first text that the person saw, the end.
Measure = Literal["first_token", "first_visible", "whole"]
MEASURES: tuple[Measure, ...] = get_args(Measure)

_CELL = "channel, persona, persona_version"
_PARTS = f"PARTITION BY one_period, period, {_CELL}, measure"
LATENCIES = f"""
WITH timed AS (
    SELECT day, {_CELL}, measure, kept.bucket, kept.turns
    FROM figure_latencies CROSS JOIN LATERAL unnest(buckets, counts) AS kept (bucket, turns)
    WHERE day >= %(first)s AND day <= %(kept_until)s AND {WANTED}
    UNION ALL
    SELECT day, {_CELL}, measure, bucket, turns FROM ({TIMED}) AS live WHERE {WANTED}
), counted AS (
    SELECT period, {_CELL}, measure, bucket, sum(turns) AS turns,
        grouping(period) = 0 AS one_period
    FROM (
        SELECT CAST(date_trunc(%(period)s, CAST(day AS timestamp)) AS date) AS period,
            {_CELL}, measure, bucket, turns FROM timed
    ) AS by_period
    GROUP BY GROUPING SETS (
        ({_CELL}, measure, bucket), (period, {_CELL}, measure, bucket))
), ranked AS (
    SELECT *, sum(turns) OVER ({_PARTS} ORDER BY bucket) AS up_to,
        sum(turns) OVER ({_PARTS}) AS answers
    FROM counted
)
SELECT CASE WHEN one_period THEN period END AS period, {_CELL}, measure,
    CAST(max(answers) AS bigint) AS answers,
    min(bucket) FILTER (WHERE up_to >= answers * 0.5) AS p50,
    min(bucket) FILTER (WHERE up_to >= answers * 0.9) AS p90,
    min(bucket) FILTER (WHERE up_to >= answers * 0.99) AS p99
FROM ranked GROUP BY one_period, period, {_CELL}, measure
"""


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
    found: dict[Place, dict[Measure, Latency]] = defaultdict(dict)
    for row in await database.rows(LATENCIES, values):
        middles = (seconds_of(bucket) for bucket in (row.p50, row.p90, row.p99))
        latency = Latency(row.answers, *middles)
        for group in groups_of(row, choice):
            found[Place(row.period, group)][row.measure] = latency
    return found


def seconds_of(bucket: int) -> float:
    """The middle of a bucket."""
    return float(LEAST_SECONDS * GROWTH ** (bucket + 0.5))
