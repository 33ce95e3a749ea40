"""How many people were active: in a day, in thirty days, in a calendar month.

Different people can't be added up as messages can, so they are counted for each choice of cells
apart. Somebody who was linked over channels is one person. A key of the API is one person: who
stands behind it is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from assistant.insight.cells import ENDED, NAMES, day_of
from assistant.insight.choice import By, Choice
from assistant.insight.counts import Group
from assistant.storage.database import Database

ALL = "*"  # in place of a channel's or a persona's name
ALL_VERSIONS = -1

# day, channel, persona, persona_version, in_day: by persona and version, from the turns.
WHO_ASKED = f"""
SELECT day, CASE grouping(channel) WHEN 1 THEN '{ALL}' ELSE channel END AS channel, persona,
    CASE grouping(persona_version) WHEN 1 THEN {ALL_VERSIONS} ELSE persona_version END
        AS persona_version, CAST(count(DISTINCT person_id) AS int) AS in_day
FROM (
    SELECT DISTINCT {day_of("finished_at")}, {NAMES}, person_id {ENDED} AND person_id IS NOT NULL
) AS asked GROUP BY GROUPING SETS (
    (day, persona), (day, persona, persona_version),
    (day, channel, persona), (day, channel, persona, persona_version))
"""
# day, channel, in_day, in_30_days, in_month: of each of `days` (the month as far as that day).
WHO_USED = f"""
SELECT open.day, counted.*
FROM unnest(CAST(%(days)s AS date[])) AS open (day) CROSS JOIN LATERAL (
    SELECT CASE grouping(channel) WHEN 1 THEN '{ALL}' ELSE channel END AS channel,
        CAST(count(DISTINCT person_id) FILTER (WHERE in_day) AS int) AS in_day,
        CAST(count(DISTINCT person_id) FILTER (WHERE in_30_days) AS int) AS in_30_days,
        CAST(count(DISTINCT person_id) FILTER (WHERE in_month) AS int) AS in_month
    FROM (
        SELECT person_id, channel, bool_or(usage_days.day = open.day) AS in_day,
            bool_or(usage_days.day > open.day - 30) AS in_30_days,
            bool_or(usage_days.day >= date_trunc('month', open.day)) AS in_month
        FROM usage_days JOIN accounts ON accounts.id = account_id
        WHERE usage_days.day <= open.day AND person_id IS NOT NULL AND
            usage_days.day >= least(open.day - 29, CAST(date_trunc('month', open.day) AS date))
        GROUP BY person_id, channel
    ) AS used GROUP BY GROUPING SETS ((), (channel))
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
WHERE (channel = %(channel)s OR (%(by)s = 'channel' AND channel <> '{ALL}'))
    AND (persona = %(persona)s OR (%(by)s IN ('persona', 'version') AND persona <> '{ALL}'))
    AND (persona_version = %(version)s OR (%(by)s = 'version' AND persona_version >= 0))
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
) -> Mapping[tuple[date, Group], Active]:
    """By period and group; of all that was chosen under the empty group. See `Standing.values`."""
    chosen = {
        "channel": choice.channel or ALL,
        "persona": choice.persona or ALL,
        "version": ALL_VERSIONS if choice.version is None else choice.version,
    }
    found = {}
    for row in await database.rows(ACTIVE, {**values, **chosen}):
        mean = row.in_day / choice.days_of(row.period)
        active = Active(mean, row.in_30_days, row.in_month)
        for group in _groups(row, choice.by, chosen):
            found[row.period, group] = active
    return found


def _groups(row: Any, by: By, chosen: Mapping[str, object]) -> Iterator[Group]:
    """All that a row stands for: none where it was counted on the way to something else."""
    names = {"channel": row.channel, "persona": row.persona, "version": row.persona_version}
    if names == chosen:
        yield Group()
    if by == "channel" and row.channel != ALL:
        yield Group(row.channel)
    if by == "persona" and row.persona != ALL:
        yield Group(row.persona)
    if by == "version" and row.persona_version != ALL_VERSIONS:
        yield Group(row.persona, row.persona_version)
