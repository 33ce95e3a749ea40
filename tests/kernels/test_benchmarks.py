"""The benchmark of the experts works, shown on a CPU with tiny sizes: its times say nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.benchmarks.gpu.cases import read_cases
from tests.benchmarks.gpu.steps import ROOT
from tests.benchmarks.moe.__main__ import main
from tests.benchmarks.moe.rows import Row, read_csv
from tests.kernels.layers import FORMS
from tests.kernels.on_card import VARIANTS
from tests.support.drawn import dots, texts

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="`make gpu-check` is that test")

OURS = {"ours int4", "ours fp8", "ours bf16"}
OTHERS = {"Marlin int4", "vLLM Triton int4", "torch grouped bf16"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("moe")
    assert main(["--cpu", "--out", str(made), "--name", "shown"]) == 0
    return made


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[Row]:
    return read_csv(folder / "shown.csv")


@pytest.fixture(scope="module")
def drawing(folder: Path) -> str:
    return (folder / "shown.svg").read_text()


def test_each_provider_has_a_row_for_each_routing_and_size(rows: list[Row]) -> None:
    found = [(row.label, row.routing, row.tokens) for row in rows]
    labels = {*OURS, *OTHERS, "copy int4"}
    wanted = [(one, how, n) for one in labels for how in ("uniform", "skewed") for n in (1, 7)]
    assert sorted(found) == sorted(wanted)


def test_who_can_be_had_has_times_and_answers_right(rows: list[Row]) -> None:
    there = [row for row in rows if not row.why_not]
    assert {row.label for row in there} == {*OURS, *OTHERS, "copy int4"} - {"Marlin int4"}
    for row in there:
        assert row.p20_us and row.p50_us and row.p80_us
        assert 0 < row.p20_us <= row.p50_us <= row.p80_us
        assert row.share_bandwidth and row.share_bandwidth > 0
        assert not row.wrong, row.line
        assert (row.error is None) == (row.provider == "copy")


def test_who_is_not_there_is_named_with_the_reason(rows: list[Row], drawing: str) -> None:
    absent = [row for row in rows if row.provider == "Marlin"]
    assert len(absent) == 4
    for row in absent:
        assert row.p50_us is None
        assert "--marlin" in row.why_not
    start = "No time for Marlin int4 (tiny): give vLLM's"
    assert [text for text in texts(drawing) if text.startswith(start)]


def test_the_picture_shows_the_table_s_values_where_its_axes_say(
    rows: list[Row], drawing: str
) -> None:
    timed = {
        (f"{row.layer}, {row.routing} routing", row.label, row.tokens): row.p50_us
        for row in rows
        if row.p50_us is not None and row.provider != "copy"
    }
    shown = dots(drawing)
    assert {(dot.panel, dot.who, dot.said_tokens): dot.told for dot in shown} == timed
    for dot in shown:
        assert dot.time == pytest.approx(dot.told, rel=0.01)
        assert dot.tokens == pytest.approx(dot.said_tokens, rel=0.01)


def test_rows_are_added_to_those_of_an_earlier_run(folder: Path, rows: list[Row]) -> None:
    again = ["--cpu", "--out", str(folder), "--name", "shown", "--append", "--tokens", "1"]
    assert main([*again, "--routings", "uniform", "--providers", "torch grouped"]) == 0
    added = read_csv(folder / "shown.csv")[len(rows) :]
    assert [(row.label, row.tokens) for row in added] == [("torch grouped bf16", 1)]


def test_the_whole_gpu_check_runs_through_on_a_cpu(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.gpu", "--cpu", "--name", "check"]
    asked = [*command, "--out", str(tmp_path), "--commit", "abc1234"]
    ran = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    page = (tmp_path / "check.md").read_text()
    cases, rows = read_cases(tmp_path / "check.right.csv"), read_csv(tmp_path / "check.csv")
    ways = {name for name, tiling in VARIANTS.items() if not tiling.overlap}
    assert {case.what for case in cases} == {*FORMS, *ways}
    assert all(case.right for case in cases)
    assert {row.label for row in rows} == {"ours int4", "copy int4", *OTHERS}
    assert {row.card.commit for row in rows} == {"abc1234"}
    for row in rows:
        assert row.why_not or f"| {row.label} | {row.tokens} | {row.experts_met} |" in page
    assert page.count("no time for Marlin int4 (tiny): give vLLM's compiled library") == 1
    assert (tmp_path / "check.svg").exists()
