"""Figures: what was asked and answered, how fast, by how many people, and how it was liked.

What is kept of days that are over and what is read live are put together here (`standing.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from assistant.insight.active_people import Active, active_people
from assistant.insight.choice import Choice
from assistant.insight.counts import Counts, known_cells, sums
from assistant.insight.group import Group, Place
from assistant.insight.latencies import Latency, Measure, latencies
from assistant.insight.monthly import Month, months
from assistant.insight.standing import Standing, standing
from assistant.storage.database import Database

ALL = Group()


@dataclass(frozen=True, slots=True)
class Line:
    """Of a period (of all, where it is None) and a group (of all, where it is empty)."""

    period: date | None
    group: Group
    counts: Counts
    people: Active
    latencies: Mapping[Measure, Latency]


@dataclass(frozen=True, slots=True)
class Report:
    """`periods`: a line for each, oldest first. `groups`: a line for each of `choice.by`, the
    busiest first. `both`: for each period and group. `known`: what there is to choose from."""

    choice: Choice
    standing: Standing
    whole: Line
    periods: Sequence[Line]
    groups: Sequence[Line]
    both: Sequence[Line]
    known: Sequence[tuple[str, str, int]]


@dataclass(frozen=True, slots=True)
class Figures:
    """Raises StorageUnavailable."""

    database: Database

    async def standing(self) -> Standing:
        return await standing(self.database)

    async def months(self, known: Standing) -> Sequence[Month]:
        """People in each calendar month, oldest first."""
        return await months(self.database, known)

    async def report(self, choice: Choice, known: Standing) -> Report:
        values = known.values(choice)
        # Beside each other: none waits for what another finds.
        counted, timed, active, cells = await asyncio.gather(
            sums(self.database, values),
            latencies(self.database, choice, values),
            active_people(self.database, choice, values),
            known_cells(self.database, values),
        )
        return _Making(choice, known, counted, timed, active).report(cells)


@dataclass(frozen=True, slots=True)
class _Making:
    choice: Choice
    standing: Standing
    counted: Mapping[Place, Counts]
    timed: Mapping[Place, Mapping[Measure, Latency]]
    active: Mapping[Place, Active]

    def report(self, known: Sequence[tuple[str, str, int]]) -> Report:
        apart = sorted(one.group for one in self.counted if one.period is None and one.group != ALL)
        groups = [self._line(Place(None, group)) for group in apart]
        both = [Place(period, group) for period in self.choice.periods for group in apart]
        return Report(
            choice=self.choice,
            standing=self.standing,
            whole=self._line(Place(None)),
            periods=[self._line(Place(one)) for one in self.choice.periods],
            groups=sorted(groups, key=lambda line: -line.counts.turns),
            both=[self._line(one) for one in both if one in self.counted],
            known=known,
        )

    def _line(self, place: Place) -> Line:
        counts = self.counted.get(place, Counts())
        return Line(*place, counts, self._people(*place), self.timed.get(place, {}))

    def _people(self, period: date | None, group: Group) -> Active:
        if period is not None:
            return self.active.get(Place(period, group), Active())
        of_each = [self.active.get(Place(one, group), Active()) for one in self.choice.periods]
        days = [self.choice.days_of(one) for one in self.choice.periods]
        summed = sum(one.a_day * count for one, count in zip(of_each, days, strict=True))
        return replace(of_each[-1], a_day=summed / sum(days))
