"""Which figures somebody wants to see: days, and of what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from assistant.insight.cells import ALL, ALL_VERSIONS

Period = Literal["day", "week", "month"]
By = Literal["", "channel", "persona", "version"]

MOST_DAYS = 3660
EARLIEST = date(2000, 1, 1)
# Longer spans are shown by weeks, and then by months: a chart has about a hundred points at most.
_BY_DAYS, _BY_WEEKS = 92, 731


@dataclass(frozen=True, slots=True)
class Choice:
    """Days from `first` to `last`, both included, of UTC.

    Empty `channel` or `persona`, and no `version`: of all. `by`: also apart for each of them.
    """

    first: date
    last: date
    channel: str = ""
    persona: str = ""
    version: int | None = None
    by: By = ""

    @property
    def period(self) -> Period:
        days = (self.last - self.first).days + 1
        return "day" if days <= _BY_DAYS else "week" if days <= _BY_WEEKS else "month"

    @property
    def values(self) -> Mapping[str, object]:
        return {
            "first": self.first,
            "last": self.last,
            "period": self.period,
            "by": self.by,
            "channel": self.channel or ALL,
            "persona": self.persona or ALL,
            "version": ALL_VERSIONS if self.version is None else self.version,
        }

    @property
    def periods(self) -> Sequence[date]:
        """The first days of the periods that the span touches, oldest first."""
        begins, day = [], _begin(self.first, self.period)
        while day <= self.last:
            begins.append(day)
            day = _last(day, self.period) + timedelta(days=1)
        return begins

    def days_of(self, period: date) -> int:
        """How many of the days that were chosen lie in the period that begins so."""
        begin, end = max(self.first, period), min(self.last, _last(period, self.period))
        return (end - begin).days + 1


def chosen(
    first: date | None, last: date | None, days: int, today: date, **which: object
) -> Choice:
    """A choice that can be read: the span turned round where its ends are, cut to today and to
    MOST_DAYS; without ends, the last `days`."""
    last = _within(last or today, today)
    first = _within(first or last - timedelta(days=days - 1), today)
    first, last = min(first, last), max(first, last)
    return Choice(max(first, last - timedelta(days=MOST_DAYS - 1)), last, **which)  # type: ignore[arg-type]


def _within(day: date, today: date) -> date:
    return min(max(day, EARLIEST), today)


def _begin(day: date, period: Period) -> date:
    if period == "day":
        return day
    return day - timedelta(days=day.weekday()) if period == "week" else day.replace(day=1)


def _last(begin: date, period: Period) -> date:
    """The last day of a period."""
    if period == "day":
        return begin
    if period == "week":
        return begin + timedelta(days=6)
    return (begin + timedelta(days=31)).replace(day=1) - timedelta(days=1)
