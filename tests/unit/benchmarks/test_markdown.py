"""A measured table says plainly what was aimed at, and is written only into its own place."""

from __future__ import annotations

import pytest

from tests.benchmarks.catalogue import MEASUREMENTS
from tests.benchmarks.machine import ROOT
from tests.benchmarks.markdown import rendered, replaced
from tests.benchmarks.table import Row, Table, Target

DOCUMENT = (ROOT / "docs" / "benchmarks.md").read_text()


def test_a_missed_target_stands_in_the_table_as_missed() -> None:
    slow = Row("start", "s", [44.0, 46.0, 47.0], Target("at most", 45))
    assert "**NO**" in rendered(Table("Start", [slow]))


@pytest.mark.parametrize(
    ("target", "met"),
    [(Target("at most", 2), True), (Target("at least", 2), True), (Target("at least", 2.1), False)],
)
def test_a_target_is_judged_by_the_median(target: Target, met: bool) -> None:
    assert Row("ratio", "", [0.0, 2.0, 9.0], target).met is met


def test_the_99th_percentile_needs_a_hundred_values() -> None:
    assert Row("few", "ms", [1.0] * 99).p99 is None
    assert Row("many", "ms", [*[1.0] * 50, *[2.0] * 50]).p99 == 2.0


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_every_measurement_has_a_place_in_the_document_and_leaves_the_rest_alone(name: str) -> None:
    once = replaced(DOCUMENT, name, "first")
    assert "first" in once
    assert replaced(once, name, "second") == replaced(DOCUMENT, name, "second")


def test_a_document_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for start"):
        replaced("nothing here", "start", "table")


def test_a_target_of_the_slowest_is_judged_by_the_99th_percentile() -> None:
    often_quick = [*[1.0] * 98, 60.0, 70.0]
    target = Target("at most", 50, of="p99")
    assert Row("many", "ms", often_quick, target).met is False
    assert Row("few", "ms", [1.0, 2.0, 60.0], target).met is False
    assert Row("few", "ms", [1.0, 2.0, 3.0], target).met is True
    assert "p99 at most 50" in rendered(Table("Delays", [Row("few", "ms", [1.0], target)]))
