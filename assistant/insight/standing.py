"""How far figures are counted: which days are closed, and which are still read live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from assistant.insight.cells import span
from assistant.insight.choice import Choice
from assistant.storage.database import Database

STANDING = """
SELECT CAST(now() AT TIME ZONE 'UTC' AS date) AS today,
    (SELECT max(day) FROM figure_days) AS closed,
    (SELECT CAST(min(finished_at) AT TIME ZONE 'UTC' AS date) FROM turns
        WHERE finished_at IS NOT NULL) AS begun
"""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """`closed`: the last day whose figures are kept. `begun`: the day of the first turn."""

    today: date
    closed: date | None
    begun: date | None

    @property
    def live(self) -> Sequence[date]:
        """Days that are read from the turns: today, and yesterday until it is closed."""
        yesterday = self.today - _DAY
        closed = self.closed is not None and self.closed >= yesterday
        return [self.today] if closed else [yesterday, self.today]

    @property
    def missing(self) -> int:
        """Days that are over and not counted yet, besides yesterday."""
        if self.begun is None:
            return 0
        first = self.begun if self.closed is None else self.closed + _DAY
        return max((self.live[0] - first).days, 0)

    def values(self, choice: Choice) -> Mapping[str, object]:
        """Where to read the days of a choice: what is kept, and what is live."""
        days = [day for day in self.live if choice.first <= day <= choice.last]
        kept_until = min(choice.last, self.closed or date.min)
        return {**choice.values, **span(days), "days": days, "kept_until": kept_until}


async def standing(database: Database) -> Standing:
    """Raises StorageUnavailable."""
    (row,) = await database.rows(STANDING)
    return Standing(row.today, row.closed, row.begun)
