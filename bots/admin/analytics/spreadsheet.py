"""Figures as CSV: a row for each period, and for each group in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from assistant.insight.cells import COUNTS
from assistant.insight.figures import Line, Report
from assistant.insight.latencies import MEASURES
from bots.admin.analytics.drawing import PERCENTILES, percentile

# A program that opens the file takes what begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def header() -> Sequence[str]:
    times = [f"{one}_{name}_seconds" for one in MEASURES for name in PERCENTILES]
    people = ("people_a_day", "people_in_30_days", "people_in_month")
    return ["period", "begins", "group", "version", *people, "turns", *COUNTS, *times]


def rows(report: Report) -> Iterator[Sequence[object]]:
    period = report.choice.period
    for line in report.both or report.periods:
        group = line.group
        yield [
            period,
            "" if line.period is None else line.period.isoformat(),
            _plain(group.name),
            "" if group.version < 0 else group.version,
            *_people(line),
            line.counts.turns,
            *(getattr(line.counts, one) for one in COUNTS),
            *_times(line),
        ]


def spreadsheet(report: Report) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header())
    writer.writerows(rows(report))
    return text.getvalue()


def _people(line: Line) -> Sequence[object]:
    counted = (line.people.in_30_days, line.people.in_month)
    return [f"{line.people.a_day:.4g}", *("" if one is None else one for one in counted)]


def _times(line: Line) -> Iterator[str]:
    for measure in MEASURES:
        for name in PERCENTILES:
            seconds = percentile(measure, name)(line)
            yield "" if seconds is None else f"{seconds:.4g}"


def _plain(name: str) -> str:
    return f"'{name}" if name.startswith(_FORMULA) else name
