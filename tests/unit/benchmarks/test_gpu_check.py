"""The check on a GPU refuses where there is none, and goes on when a step breaks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.benchmarks.gpu.cases import LOST, Case, read_cases, write_cases
from tests.benchmarks.gpu.report import rendered
from tests.benchmarks.gpu.right import looked_at
from tests.benchmarks.gpu.steps import ON_A_GPU, ROOT, Step, done, in_turn


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
    assert done(runs("hangs", "__import__('time').sleep(60)"), [], 1) == "broken off after 1 s"


def runs(what: str, code: str, seconds: float = 60) -> Step:
    return Step(what, "timeit", ("-n1", "-r1", code), seconds)


def test_a_step_that_hangs_costs_the_later_ones_nothing(tmp_path: Path) -> None:
    hangs = runs("hangs", "__import__('time').sleep(60)", seconds=1)
    later = runs("later", f"open({str(tmp_path / 'done')!r}, 'w')")
    assert list(in_turn([hangs, later], lambda step: [], 60)) == [
        (hangs, "broken off after 1 s"),
        (later, ""),
    ]
    assert (tmp_path / "done").exists()


def test_where_the_whole_time_is_over_no_step_is_begun(tmp_path: Path) -> None:
    late = runs("late", f"open({str(tmp_path / 'done')!r}, 'w')")
    assert list(in_turn([late], lambda step: [], 5)) == [(late, "no time was left")]
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize("timed", [step for step in ON_A_GPU if "--providers" in step.arguments])
def test_whoever_else_is_timed_has_a_process_of_its_own(timed: Step) -> None:
    who = timed.arguments[timed.arguments.index("--providers") + 1 :]
    assert len(who) == 1 or all(one.startswith("ours") for one in who)


@pytest.mark.parametrize(
    ("arguments", "environment", "runs_with"),
    [
        ([], {}, ".venv/bin/python"),
        (["PYTHON=of-the-line"], {}, "of-the-line"),
        ([], {"PYTHON": "of-the-environment"}, "of-the-environment"),
    ],
)
def test_a_python_that_was_chosen_wins_over_ours(
    arguments: list[str], environment: dict[str, str], runs_with: str
) -> None:
    unset = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    command = ["make", "--dry-run", "gpu-check", *arguments]
    said = subprocess.check_output(command, cwd=ROOT, text=True, env=unset | environment)
    assert f"exec {runs_with} -m tests.benchmarks.gpu" in said


def test_after_a_case_has_lost_the_device_the_others_are_not_looked_at_nor_called_wrong() -> None:
    broken = Case("int4", 7, None, why_not="RuntimeError: an illegal memory access")

    def look(name: str, form: str, count: int) -> Case:
        return broken if count == 7 else Case(name, count, 1e-3)

    found = list(looked_at([("int4", "int4", count) for count in (1, 7, 63)], look, lambda: True))
    assert found == [Case("int4", 1, 1e-3), broken, Case("int4", 63, None, why_not=LOST)]
    assert [case.tokens for case in found if case.matters and not case.right] == [7]
    assert f"| int4 | 63 | {LOST} | - | - | - | - |" in rendered(found, [], [])
    assert found[-1].line.endswith(LOST)


def test_a_case_that_breaks_and_leaves_the_device_as_it_was_stops_no_other() -> None:
    def look(name: str, form: str, count: int) -> Case:
        return Case(name, count, None, why_not="it broke")

    asked = [("int4", "int4", count) for count in (1, 7)]
    assert all(case.why_not == "it broke" for case in looked_at(asked, look, lambda: False))


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


def test_what_was_found_stays_whole_where_writing_it_anew_is_broken_off(tmp_path: Path) -> None:
    file = tmp_path / "right.csv"
    write_cases(file, CASES)
    with pytest.raises(TypeError):
        write_cases(file, [CASES[0], object()])  # type: ignore[list-item]
    assert read_cases(file) == CASES


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
