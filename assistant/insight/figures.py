"""Figures: what was asked and answered, how fast, by how many people, and how it was liked.

What is kept of days that are over and what is read live are put together here (`standing.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import product

from assistant.insight.active_people import Active, active_people
from assistant.insight.choice import Choice
from assistant.insight.counts import Cell, Counts, Group, cells
from assistant.insight.latencies import MEASURES, Latency, Measure, Where, latencies
from assistant.insight.monthly import Month, months
from assistant.insight.standing import Standing, standing
from assistant.storage.database import Database

ALL = Group()
_Counted = Mapping[tuple[date | None, Group], Counts]


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
        found = await cells(self.database, values)
        timed = await latencies(self.database, values)
        active = await active_people(self.database, choice, values)
        return _Making(choice, known, found, timed, active).report()


@dataclass(frozen=True, slots=True)
class _Making:
    choice: Choice
    standing: Standing
    found: Sequence[Cell]
    timed: Mapping[Where, Latency]
    active: Mapping[tuple[date, Group], Active]

    def report(self) -> Report:
        counted = self._counted()
        both = sorted((one, group) for one, group in counted if one is not None and group != ALL)
        return Report(
            choice=self.choice,
            standing=self.standing,
            whole=self._line(None, ALL, counted),
            periods=[self._line(one, ALL, counted) for one in self.choice.periods],
            groups=self._groups(counted),
            both=[self._line(*one, counted) for one in both],
            known=sorted({(one.channel, one.persona, one.version) for one in self.found}),
        )

    def _counted(self) -> _Counted:
        """Each cell adds to its period, to its group, to both, and to the whole."""
        counted: dict[tuple[date | None, Group], Counts] = defaultdict(Counts)
        for cell in self.found:
            if cell.of(self.choice):
                for where in product((cell.period, None), {cell.group(self.choice.by), ALL}):
                    counted[where] += cell.counts
        return counted

    def _groups(self, counted: _Counted) -> Sequence[Line]:
        groups = {group for _, group in counted} - {ALL}
        lines = [self._line(None, group, counted) for group in groups]
        return sorted(lines, key=lambda line: (-line.counts.turns, line.group))

    def _line(self, period: date | None, group: Group, counted: _Counted) -> Line:
        one_group = None if group == ALL else group
        timed = {
            measure: found
            for measure in MEASURES
            if (found := self.timed.get(Where(period, one_group, measure))) is not None
        }
        counts = counted.get((period, group), Counts())
        return Line(period, group, counts, self._people(period, group), timed)

    def _people(self, period: date | None, group: Group) -> Active:
        if period is not None:
            return self.active.get((period, group), Active())
        of_each = [self.active.get((one, group), Active()) for one in self.choice.periods]
        days = [self.choice.days_of(one) for one in self.choice.periods]
        summed = sum(one.a_day * count for one, count in zip(of_each, days, strict=True))
        return replace(of_each[-1], a_day=summed / sum(days))
