"""The time of each phase of a start."""

from __future__ import annotations

import pytest

from assistant.answering.start_clock import StartClock, phase_of


def played(lines: list[str]) -> tuple[dict[str, float], list[str]]:
    """A line a second; what was counted, and what was passed on."""
    seconds = iter(range(100))
    said: list[str] = []
    clock = StartClock(lambda line, share: said.append(line), lambda: float(next(seconds)))
    for line in lines:
        clock(line, None)
    return dict(clock.seconds), said


def test_each_phase_lasts_until_the_next_and_every_line_is_passed_on() -> None:
    lines = ["locating the model", "loading vLLM", "loading the weights", "ready"]
    assert played(lines) == (
        {"locating the model": 1.0, "loading vLLM": 1.0, "loading the weights": 1.0},
        lines,
    )


def test_a_phase_that_comes_again_adds_up() -> None:
    assert played(["a", "b", "a", "ready"])[0] == {"a": 2.0, "b": 1.0}


def test_progress_within_a_phase_does_not_end_it() -> None:
    lines = ["downloading: part 1 of 2", "downloading: part 2 of 2", "downloading (93 MB)", "ready"]
    assert played(lines)[0] == {"downloading": 1.0}


def test_no_start_makes_endless_labels() -> None:
    assert len(played([f"phase {number}" for number in range(90)])[0]) == 20


@pytest.mark.parametrize(
    ("line", "phase"),
    [
        ("loading the weights", "loading the weights"),
        ("fetching the demo model (93 MB)", "fetching the demo model"),
        ("downloading: model-00001 (4 GB)", "downloading"),
    ],
)
def test_a_phase_is_what_its_lines_have_in_common(line: str, phase: str) -> None:
    assert phase_of(line) == phase
