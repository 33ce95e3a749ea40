"""A timeline drawn: bars stay in their place, and a long reply's edits are one row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.insight.steps import Step, Timeline
from bots.admin.traces.waterfall import EDITS, WIDTH, waterfall

START = datetime(2026, 5, 4, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def timeline(*steps: Step, seconds: float = 10.0) -> Timeline:
    return Timeline(steps, START, at(seconds), None, None)


@given(
    st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 1e5)), min_size=1, max_size=20),
    st.floats(0, 2e5),
)
def test_no_bar_leaves_the_line(spans: list[tuple[float, float]], seconds: float) -> None:
    steps = [Step("decode", at(begins), at(begins + took)) for begins, took in spans]
    whole = max(seconds, *(begins + took for begins, took in spans))
    drawn = waterfall(timeline(*steps, seconds=whole))
    assert all(row.x >= 0 and row.x + row.width <= WIDTH + 0.2 for row in drawn.rows)
    assert all(row.width > 0 for row in drawn.rows)


def test_a_step_that_is_not_recorded_has_no_bar() -> None:
    [row] = waterfall(timeline(Step("context", None, None, 1))).rows
    assert (row.begins, row.took, row.width) == (None, None, 0.0)


def test_many_edits_are_one_row_between_the_first_and_the_last() -> None:
    edits = [Step("edit", at(one / 10), at(one / 10 + 0.05)) for one in range(90)]
    rows = waterfall(timeline(*edits)).rows
    assert len(rows) == 2 * EDITS + 1
    assert (rows[EDITS].name, rows[EDITS].edits) == ("edits", 90 - 2 * EDITS)
    assert rows[EDITS].begins == pytest.approx(EDITS / 10)


def test_an_edit_that_failed_is_always_a_row_of_its_own() -> None:
    edits = [
        Step("edit", at(one / 10), at(one / 10), 0, "failed" if one == 45 else "")
        for one in range(90)
    ]
    assert [row.mark for row in waterfall(timeline(*edits)).rows].count("failed") == 1


@given(st.floats(0.001, 1e6))
def test_the_scale_has_a_few_round_marks_within_the_line(seconds: float) -> None:
    marks = waterfall(timeline(seconds=seconds)).marks
    assert 1 <= len(marks) <= 6 or seconds < 0.002
    assert all(0 < mark <= seconds * 1.001 for mark in marks)
