"""Monthly active people: in each calendar month, against the line in the licence of the weights.

The community licence of Llama 4 asks those who had more than 700 million monthly active users for
a licence of their own; so their count is kept, also after people were erased.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from assistant.insight.active_people import MONTH_OF_DAY
from assistant.insight.cells import ALL, ALL_VERSIONS
from assistant.insight.standing import Standing
from assistant.storage.database import Database

LICENCE_LINE = 700_000_000
MOST_MONTHS = 13

# Of each month its last day that is counted; of the month that runs, today's.
MONTHS = f"""
SELECT DISTINCT ON (month) {MONTH_OF_DAY} AS month, day, in_month
FROM (
    SELECT day, in_month FROM figure_people
    WHERE channel = '{ALL}' AND persona = '{ALL}' AND persona_version = {ALL_VERSIONS}
        AND day >= CAST(%(today)s AS date) - make_interval(months => %(months)s)
    UNION ALL
    SELECT day, (SELECT CAST(count(DISTINCT person_id) AS int) FROM usage_days
        WHERE usage_days.day BETWEEN from_month AND open.day) AS in_month
    FROM (
        SELECT day, {MONTH_OF_DAY} AS from_month
        FROM unnest(CAST(%(days)s AS date[])) AS given (day)
    ) AS open
) AS counted ORDER BY month, day DESC
"""


@dataclass(frozen=True, slots=True)
class Month:
    """`until`: the last day that is counted in it."""

    begins: date
    until: date
    people: int

    @property
    def share(self) -> float:
        """Of the licence's line."""
        return self.people / LICENCE_LINE


async def months(database: Database, known: Standing) -> Sequence[Month]:
    """The last MOST_MONTHS, oldest first, the one that runs last. Raises StorageUnavailable."""
    values = {"today": known.today, "months": MOST_MONTHS - 1, "days": list(known.live)}
    rows = await database.rows(MONTHS, values)
    return [Month(row.month, row.day, row.in_month) for row in rows][-MOST_MONTHS:]
