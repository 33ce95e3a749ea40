"""How long people waited: percentiles, from counts in buckets that can be added up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple, get_args

from assistant.insight.cells import GROWTH, LEAST_SECONDS, TIMED
from assistant.insight.counts import Group
from assistant.storage.database import Database

# Since the message came: the model's first token, the first text that the person saw, the end.
Measure = Literal["first_token", "first_visible", "whole"]
MEASURES: tuple[Measure, ...] = get_args(Measure)

_PARTS = "PARTITION BY one_period, one_group, period, group_name, group_version, measure"
LATENCIES = f"""
WITH timed AS (
    SELECT day, channel, persona, persona_version, measure, kept.bucket, kept.turns
    FROM figure_latencies CROSS JOIN LATERAL unnest(buckets, counts) AS kept (bucket, turns)
    WHERE day >= %(first)s AND day <= %(kept_until)s
    UNION ALL
    SELECT day, channel, persona, persona_version, measure, bucket, turns FROM ({TIMED}) AS live
), chosen AS (
    SELECT CAST(date_trunc(%(period)s, CAST(day AS timestamp)) AS date) AS period,
        CASE CAST(%(by)s AS text) WHEN 'channel' THEN channel WHEN '' THEN '' ELSE persona END
            AS group_name,
        CASE CAST(%(by)s AS text) WHEN 'version' THEN persona_version ELSE -1 END AS group_version,
        measure, bucket, turns
    FROM timed
    WHERE CAST(%(channel)s AS text) IN ('', channel) AND CAST(%(persona)s AS text) IN ('', persona)
        AND coalesce(CAST(%(version)s AS int), persona_version) = persona_version
), counted AS (
    SELECT period, group_name, group_version, measure, bucket, sum(turns) AS turns,
        grouping(period) = 0 AS one_period, grouping(group_name) = 0 AS one_group
    FROM chosen GROUP BY GROUPING SETS (
        (measure, bucket), (period, measure, bucket), (group_name, group_version, measure, bucket),
        (period, group_name, group_version, measure, bucket))
), ranked AS (
    SELECT *, sum(turns) OVER ({_PARTS} ORDER BY bucket) AS up_to,
        sum(turns) OVER ({_PARTS}) AS answers
    FROM counted
)
SELECT CASE WHEN one_period THEN period END AS period,
    CASE WHEN one_group THEN group_name ELSE '' END AS group_name,
    CASE WHEN one_group THEN group_version ELSE -1 END AS group_version, one_group, measure,
    CAST(max(answers) AS bigint) AS answers,
    min(bucket) FILTER (WHERE up_to >= answers * 0.5) AS p50,
    min(bucket) FILTER (WHERE up_to >= answers * 0.9) AS p90,
    min(bucket) FILTER (WHERE up_to >= answers * 0.99) AS p99
FROM ranked GROUP BY one_period, one_group, period, group_name, group_version, measure
"""


class Where(NamedTuple):
    """Of one period, or of all (None); of one group, or of all (None)."""

    period: date | None
    group: Group | None
    measure: Measure


@dataclass(frozen=True, slots=True)
class Latency:
    """In seconds: half, nine in ten, ninety-nine in a hundred of the answers were there by then."""

    answers: int
    p50: float
    p90: float
    p99: float


async def latencies(database: Database, values: Mapping[str, object]) -> Mapping[Where, Latency]:
    """Of what was chosen. See `Standing.values`."""
    found = {}
    for row in await database.rows(LATENCIES, values):
        group = Group(row.group_name, row.group_version) if row.one_group else None
        middles = (seconds_of(bucket) for bucket in (row.p50, row.p90, row.p99))
        found[Where(row.period, group, row.measure)] = Latency(row.answers, *middles)
    return found


def seconds_of(bucket: int) -> float:
    """The middle of a bucket."""
    return float(LEAST_SECONDS * GROWTH ** (bucket + 0.5))
