"""What the checks on a card are made of, shown without one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.kernels import on_card
from tests.kernels.on_card import SANITIZER, case, sanitizer_s_word


def test_cases_of_one_form_share_a_layer() -> None:
    first, second = (case("plain", count, large=False) for count in (1, 7))
    assert first.layer is second.layer
    assert case("fp8-row", 1, large=False).layer is not first.layer


@pytest.fixture
def sanitizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name, first on the path; its text is for each test to write."""
    program = tmp_path / SANITIZER
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return program


@pytest.mark.parametrize(
    ("does", "clean", "said"),
    [
        ("exit 0", True, "clean"),
        ("echo '1 hazard'; exit 9", False, "1 hazard"),
        (
            "echo 'unknown option'; exit 1",
            None,
            "could not look (exit code 1): unknown option",
        ),
    ],
)
def test_only_the_exit_code_that_was_asked_for_is_a_finding(
    sanitizer: Path, does: str, clean: bool | None, said: str
) -> None:
    sanitizer.write_text(f"#!/bin/sh\n{does}\n")
    assert sanitizer_s_word("memcheck") == (clean, said)


def test_a_sanitizer_that_does_not_end_could_not_look(
    sanitizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sanitizer.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(on_card, "LOOK_SECONDS", 1)
    assert sanitizer_s_word("memcheck") == (None, "could not look: not done after 1 s")


def test_a_machine_without_a_sanitizer_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert sanitizer_s_word("memcheck") == (None, "not here")
