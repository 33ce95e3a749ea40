"""What charts draw: a column of numbers for each line, beside the days.

`static/admin/analytics.js` reads it. A number that is not there is null: the line has a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from assistant.insight.figures import Line, Report
from assistant.insight.group import Group
from assistant.insight.latencies import MEASURES, Measure
from bots.admin.words import Words

Value = float | int | None
PERCENTILES = ("p50", "p90", "p99")
MOST_GROUPS = 8  # the busiest: more lines can't be told apart


@dataclass(frozen=True, slots=True)
class Chart:
    """`unit`: how a value is written: "number", "seconds", "share", "people"."""

    name: str
    unit: str
    lines: Mapping[str, Callable[[Line], Value]]


CHARTS = (
    Chart(
        "answers",
        "number",
        {
            "messages": lambda line: line.counts.messages,
            "turns": lambda line: line.counts.turns,
            "failed": lambda line: line.counts.failed,
        },
    ),
    Chart(
        "people",
        "people",
        {
            "a_day": lambda line: line.people.a_day,
            "in_30_days": lambda line: line.people.in_30_days,
        },
    ),
    Chart(
        "tokens",
        "number",
        {
            "prompt_tokens": lambda line: line.counts.prompt_tokens,
            "cached_tokens": lambda line: line.counts.cached_tokens,
            "output_tokens": lambda line: line.counts.output_tokens,
        },
    ),
    Chart(
        "feedback",
        "number",
        {
            "thumbs_up": lambda line: line.counts.thumbs_up,
            "thumbs_down": lambda line: line.counts.thumbs_down,
        },
    ),
)


def percentile(measure: Measure, name: str) -> Callable[[Line], Value]:
    def of(line: Line) -> Value:
        timed = line.latencies.get(measure)
        return None if timed is None else float(getattr(timed, name))

    return of


# Drawn with a line for each group, where there are some.
BY_GROUP: Mapping[str, tuple[str, Callable[[Line], Value]]] = {
    "by_turns": ("number", lambda line: line.counts.turns),
    "by_liked": ("share", lambda line: line.counts.liked),
    "by_first_visible": ("seconds", percentile("first_visible", "p90")),
    "by_people": ("people", lambda line: line.people.a_day),
}


def drawn(report: Report, words: Words) -> Mapping[str, Any]:
    """All charts of a report: when each period begins, in Unix seconds, and of each chart its unit
    and its lines."""
    charts: list[Mapping[str, Any]] = [
        {"name": one.name, "unit": one.unit, "lines": _lines(report, one, words)} for one in CHARTS
    ]
    charts += [_latency(report, measure, words) for measure in MEASURES]
    charts += [_by_group(report, name, words) for name in BY_GROUP if report.groups]
    return {
        "begins": words("analytics.begins"),
        "x": [_seconds(line.period) for line in report.periods if line.period],
        "charts": charts,
    }


def group_name(group: Group, words: Words) -> str:
    """As people read it. Channels and personas have their own names."""
    name = words("analytics.unrecorded") if group.name == "?" else group.name
    return name if group.version < 0 else words("analytics.of_version", name=name, n=group.version)


def _lines(report: Report, chart: Chart, words: Words) -> Sequence[Mapping[str, Any]]:
    return [
        _line(words(f"analytics.{name}"), map(value, report.periods))
        for name, value in chart.lines.items()
    ]


def _latency(report: Report, measure: Measure, words: Words) -> Mapping[str, Any]:
    lines = [
        _line(words(f"analytics.{name}"), map(percentile(measure, name), report.periods))
        for name in PERCENTILES
    ]
    return {"name": measure, "unit": "seconds", "lines": lines}


def _by_group(report: Report, name: str, words: Words) -> Mapping[str, Any]:
    unit, value = BY_GROUP[name]
    found = {(line.period, line.group): value(line) for line in report.both}
    lines = [
        _line(
            group_name(group.group, words),
            (found.get((one.period, group.group)) for one in report.periods),
        )
        for group in report.groups[:MOST_GROUPS]
    ]
    return {"name": name, "unit": unit, "lines": lines}


def _line(name: str, values: Iterable[Value]) -> Mapping[str, Any]:
    return {"name": name, "values": [_short(value) for value in values]}


def _short(value: Value) -> Value:
    return value if value is None or isinstance(value, int) else float(f"{value:.4g}")


def _seconds(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())
