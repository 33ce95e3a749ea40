"""A timeline as rows of a waterfall: what the template draws, with no time left to work out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from assistant.insight.steps import Step, Timeline

Group = Literal["arrival", "queue", "attempt", "platform", "end"]

WIDTH = 1000.0  # of a bar's own measure
LEAST = 3.0  # so wide is what takes no time
EDITS = 6  # so many edits are rows of their own, at each end

_GROUPS: Mapping[str, Group] = {
    **dict.fromkeys(("received", "committed", "dispatched", "acknowledged"), "arrival"),
    "queue": "queue",
    **dict.fromkeys(("placeholder", "overflow", "edit", "final", "removal"), "platform"),
    **dict.fromkeys(("visible", "ended"), "end"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """`begins` after the start and `took`, in seconds; None where that isn't recorded. `x` and
    `width` of WIDTH. `moment`: it takes no time. `edits`: so many calls are in this row."""

    name: str
    group: Group
    number: int
    mark: str
    facts: Mapping[str, str | int]
    begins: float | None
    took: float | None
    x: float = 0.0
    width: float = 0.0
    moment: bool = False
    edits: int = 0


@dataclass(frozen=True, slots=True)
class Waterfall:
    rows: Sequence[Row]
    seconds: float
    marks: Sequence[float] = field(default_factory=tuple)  # of the scale, in seconds


def waterfall(timeline: Timeline) -> Waterfall:
    whole = max(timeline.seconds, 0.001)
    rows = [_row(one, timeline, whole) for one in timeline.steps]
    return Waterfall(list(_together(rows)), timeline.seconds, _scale(whole))


def _row(step: Step, timeline: Timeline, whole: float) -> Row:
    group = _GROUPS.get(step.name, "attempt")
    span = timeline.seconds_of(step)
    if span is None:
        return Row(step.name, group, step.number, step.mark, step.facts, None, None)
    begins, took = span
    width = max(took / whole * WIDTH, LEAST)
    x = min(begins / whole * WIDTH, WIDTH - width)
    moment = step.begins == step.ends
    return Row(
        step.name,
        group,
        step.number,
        step.mark,
        step.facts,
        begins,
        took,
        round(max(x, 0.0), 1),
        round(width, 1),
        moment,
    )


def _together(rows: Sequence[Row]) -> Iterator[Row]:
    """The edits between the first few and the last few as one row."""
    plain = [one for one in rows if one.name == "edit" and not one.mark]
    between = plain[EDITS:-EDITS]
    hidden = {id(one) for one in between}
    for one in rows:
        if between and one is between[0]:
            yield _one_row(between)
        if id(one) not in hidden:
            yield one


def _one_row(edits: Sequence[Row]) -> Row:
    first, last = edits[0], edits[-1]
    begins, ends = first.begins or 0.0, (last.begins or 0.0) + (last.took or 0.0)
    width = max(last.x + last.width - first.x, LEAST)
    return Row(
        "edits", "platform", 0, "", {}, begins, ends - begins, first.x, width, edits=len(edits)
    )


def _scale(whole: float) -> tuple[float, ...]:
    """Marks at round seconds, six at most."""
    for power in range(-3, 7):
        for step in (10.0**power, 2 * 10.0**power, 5 * 10.0**power):
            if whole / step <= 6:
                return tuple(round(step * one, 6) for one in range(1, int(whole / step) + 1))
    return ()
