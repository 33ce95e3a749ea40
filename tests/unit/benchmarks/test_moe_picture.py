"""The picture of the experts' benchmark: what it leaves out it names, and its labels stay apart."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.moe.card import Card
from tests.benchmarks.moe.picture import picture
from tests.benchmarks.moe.rows import Row, read_csv, write_csv
from tests.benchmarks.moe.scales import Scale, apart, decades, marks
from tests.support.drawn import dots, texts

CARD = Card("made up for a test", "1.2", "2.9", "3.6", "2026-01-02", "abc")
ROW = Row(
    layer="Scout",
    routing="uniform",
    provider="ours",
    form="int4",
    tokens=4,
    experts_met=3,
    p20_us=1.0,
    p50_us=2.0,
    p80_us=3.0,
    roof_us=1.5,
    bytes=100,
    share_bandwidth=0.25,
    share_tensor=0.125,
    error=0.003,
    why_not="",
    copy_gbs=10.0,
    peak_tflops=1.0,
    card=CARD,
)
ABSENT = replace(
    ROW,
    provider="Marlin",
    p20_us=None,
    p50_us=None,
    p80_us=None,
    share_bandwidth=None,
    share_tensor=None,
    error=None,
    why_not='no <library>, "none"',
)


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows = [ROW, ABSENT, replace(ROW, error=float("inf"), tokens=4096)]
    write_csv(tmp_path / "rows.csv", rows)
    assert read_csv(tmp_path / "rows.csv") == rows


def test_rows_stay_whole_where_writing_them_anew_is_broken_off(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    write_csv(file, [ROW, ABSENT])
    with pytest.raises(TypeError):
        write_csv(file, [ROW, object()])  # type: ignore[list-item]
    assert read_csv(file) == [ROW, ABSENT]


def test_a_card_and_its_versions_stand_in_the_picture() -> None:
    assert CARD.line in texts(picture([ROW]))


def test_a_dot_stands_at_the_median_of_its_tokens() -> None:
    many = replace(ROW, tokens=64, p20_us=300.0, p50_us=400.0, p80_us=900.0)
    shown = [
        (dot.said_tokens, dot.told, dot.tokens, dot.time) for dot in dots(picture([ROW, many]))
    ]
    assert [pytest.approx(one, rel=0.01) for one in shown] == [(4, 2, 4, 2), (64, 400, 64, 400)]


@pytest.mark.parametrize("error", [0.5, float("nan"), float("inf")])
def test_a_wrong_answer_s_time_is_left_out_and_named(error: float) -> None:
    said = texts(picture([ROW, replace(ROW, form="fp8", error=error)]))
    assert not any(text.startswith("ours fp8, 4 tokens") for text in said)
    assert any(text.startswith("Left out: ours fp8 is wrong") for text in said)
    assert any(text.startswith("ours int4, 4 tokens") for text in said)


def test_a_reason_is_text_never_markup() -> None:
    assert 'No time for Marlin int4 (Scout): no <library>, "none".' in texts(picture([ROW, ABSENT]))


def test_nothing_measured_still_is_a_picture_that_says_why() -> None:
    assert any("No time for Marlin int4" in text for text in texts(picture([ABSENT])))


@given(st.lists(st.floats(0, 300), min_size=1, max_size=8))
def test_labels_stay_in_order_apart_and_inside(places: list[float]) -> None:
    moved = apart(places, 14, 300)
    order = sorted(range(len(places)), key=lambda one: places[one])
    for before, here in pairwise(order):
        assert moved[here] - moved[before] >= 13.999
    assert max(moved) <= 300


def test_labels_that_are_far_apart_stay_where_they_are() -> None:
    assert apart([200.0, 10.0, 100.0], 14, 300) == [200.0, 10.0, 100.0]


@given(st.lists(st.floats(1e-3, 1e7), min_size=1, max_size=8))
def test_an_axis_holds_all_values_between_whole_marks(values: list[float]) -> None:
    low, high = decades(values)
    assert low <= min(values)
    assert high >= max(values)
    found = marks(low, high)
    assert [found[0], found[-1]] == pytest.approx([low, high])
    place = Scale(low, high, 300, 0)
    assert all(-1e-6 <= place(value) <= 300 + 1e-6 for value in values)


def test_equal_ratios_are_equal_distances() -> None:
    place = Scale(1, 1000, 0, 300)
    assert [place(value) for value in (1, 10, 100)] == pytest.approx([0, 100, 200])
