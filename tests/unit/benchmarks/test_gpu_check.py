"""The check on a GPU refuses where there is none, and goes on when a step breaks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.benchmarks.gpu.cases import Case, read_cases, write_cases
from tests.benchmarks.gpu.report import rendered
from tests.benchmarks.gpu.steps import ROOT, Step, done


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("command", [["make", "gpu-check"], ["-m", "tests.benchmarks.moe"]])
def test_without_a_gpu_one_sentence_says_so(command: list[str]) -> None:
    python = [] if command[0] == "make" else [sys.executable]
    ran = subprocess.run([*python, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    said = [line for line in ran.stderr.splitlines() if not line.startswith("make")]
    assert said == [
        "There is no NVIDIA GPU here: run this where one is, or with --cpu to see that it works."
    ]


def test_a_step_that_crashes_or_hangs_is_told_and_takes_nothing_with_it() -> None:
    assert done(Step("crashes", "tests.no_such_module", ()), [], 60) == "broke, with exit code 1"
    waits = Step("hangs", "timeit", ("-n1", "-r1", "__import__('time').sleep(60)"))
    assert done(waits, [], 0.5) == "broken off when the time was over"


CASES = [
    Case("int4", 7, 3e-3, equal_bits=True, in_graph=True, counted=True),
    Case("fp8-row", 1, None, why_not="CompilationError: no such type"),
    Case("Marlin as stock calls it", 7, 0.5),
    Case("compute-sanitizer racecheck", 0, None, clean=False, why_not="a hazard"),
    Case("compute-sanitizer memcheck", 0, None, clean=True),
    Case("compute-sanitizer initcheck", 0, None, why_not="not here"),
]


def test_what_was_found_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_cases(tmp_path / "right.csv", CASES)
    assert read_cases(tmp_path / "right.csv") == CASES


def test_the_page_says_what_is_wrong_what_broke_and_what_is_missing() -> None:
    page = rendered(CASES, [], ["Maverick: no time was left"])
    assert "| int4 | 7 | 3.0e-03 | yes | yes | yes | yes |" in page
    assert "| fp8-row | 1 | CompilationError: no such type | - | - | - | **no** |" in page
    assert "| Marlin as stock calls it | 7 | 5.0e-01 | - | - | - | no |" in page
    assert "| compute-sanitizer racecheck | 0 | a hazard | - | - | - | **no** |" in page
    assert "- Maverick: no time was left" in page


def test_the_check_fails_by_ours_alone_and_by_what_was_looked_for() -> None:
    failing = [case.what for case in CASES if case.matters and not case.right]
    assert failing == ["fp8-row", "compute-sanitizer racecheck"]


@pytest.mark.parametrize(
    "case",
    [
        Case("int4", 1, 0.5, equal_bits=True, in_graph=True),
        Case("int4", 1, float("nan"), equal_bits=True, in_graph=True),
        Case("int4", 1, 1e-3, equal_bits=False, in_graph=True),
        Case("int4", 1, 1e-3, equal_bits=True, in_graph=False),
        Case("int4", 1, 1e-3, equal_bits=True, in_graph=True, counted=False),
        Case("int4", 1, None, why_not="it broke"),
    ],
)
def test_what_is_far_off_moves_fails_in_a_graph_or_is_not_counted_is_not_right(case: Case) -> None:
    assert not case.right
