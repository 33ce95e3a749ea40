"""How many people were active: in a day, in thirty days, in a calendar month.

Different people can't be added up as messages can, so they are counted for each choice of cells
apart. Somebody who was linked over channels is one person. A key of the API is one person: who
stands behind it is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assistant.insight.cells import ALL, ALL_VERSIONS, COARSER, ENDED, NAMES, WANTED, day_of
from assistant.insight.choice import Choice
from assistant.insight.group import Place, groups_of
from assistant.storage.database import Database

MONTH_OF_DAY = "CAST(date_trunc('month', CAST(day AS timestamp)) AS date)"
# day, channel, persona, persona_version, in_day: by persona and version, from the turns.
WHO_ASKED = f"""
SELECT day, {COARSER}, CAST(count(DISTINCT person_id) AS int) AS in_day
FROM (
    SELECT DISTINCT {day_of("finished_at")}, {NAMES}, person_id {ENDED} AND person_id IS NOT NULL
) AS asked GROUP BY GROUPING SETS (
    (day, persona), (day, persona, persona_version),
    (day, channel, persona), (day, channel, persona, persona_version))
"""
_IN_SPAN = "usage_days.day BETWEEN least(from_30, from_month) AND open.day"
# day, channel, in_day, in_30_days, in_month: of each of `days` (the month as far as that day), for
# all channels and for each. When somebody was last there tells in which of the spans they were. The
# planner leaves out the arm of which no row is wanted (`ACTIVE`).
WHO_USED = f"""
SELECT open.day, counted.*
FROM (
    SELECT day, day - 29 AS from_30, {MONTH_OF_DAY} AS from_month
    FROM unnest(CAST(%(days)s AS date[])) AS given (day)
) AS open CROSS JOIN LATERAL (
    SELECT channel, CAST(count(*) FILTER (WHERE latest = open.day) AS int) AS in_day,
        CAST(count(*) FILTER (WHERE latest >= from_30) AS int) AS in_30_days,
        CAST(count(*) FILTER (WHERE latest >= from_month) AS int) AS in_month
    FROM (
        SELECT '{ALL}' AS channel, max(usage_days.day) AS latest
        FROM usage_days WHERE {_IN_SPAN} GROUP BY person_id
        UNION ALL
        SELECT channel, max(usage_days.day)
        FROM usage_days JOIN accounts ON accounts.id = account_id
        WHERE {_IN_SPAN} GROUP BY person_id, channel
    ) AS used GROUP BY channel
) AS counted
"""
_LIVE = f"""
SELECT day, channel, persona, persona_version, in_day, NULL AS in_30_days, NULL AS in_month
FROM ({WHO_ASKED}) AS asked
UNION ALL
SELECT day, channel, '{ALL}', {ALL_VERSIONS}, in_day, in_30_days, in_month
FROM ({WHO_USED}) AS used
"""
# `in_day` is a sum, of which the reader makes a mean; the others are as of the last day.
ACTIVE = f"""
SELECT CAST(date_trunc(%(period)s, CAST(day AS timestamp)) AS date) AS period,
    channel, persona, persona_version, CAST(sum(in_day) AS bigint) AS in_day,
    (array_agg(in_30_days ORDER BY day DESC))[1] AS in_30_days,
    (array_agg(in_month ORDER BY day DESC))[1] AS in_month
FROM (
    SELECT day, channel, persona, persona_version, in_day, in_30_days, in_month
    FROM figure_people WHERE day >= %(first)s AND day <= %(kept_until)s
    UNION ALL {_LIVE}
) AS active
WHERE {WANTED}
GROUP BY period, channel, persona, persona_version
"""


@dataclass(frozen=True, slots=True)
class Active:
    """`a_day`: in a day of the period, on average. The others as of the period's last day; None
    where they are not counted, which is where a persona was chosen."""

    a_day: float = 0.0
    in_30_days: int | None = None
    in_month: int | None = None


async def active_people(
    database: Database, choice: Choice, values: Mapping[str, object]
) -> Mapping[Place, Active]:
    """Of each period, and of each group in it. See `Standing.values`."""
    found = {}
    for row in await database.rows(ACTIVE, values):
        mean = row.in_day / choice.days_of(row.period)
        active = Active(mean, row.in_30_days, row.in_month)
        for group in groups_of(row, choice):
            found[Place(row.period, group)] = active
    return found
