from pathlib import Path

import pytest

from deploy.marker import fingerprint, installed_extras, mark, unmark

PROJECT = '[build-system]\nrequires = []\n[project]\nname = "x"\ndependencies = ["a"]\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/constraints.txt").write_text("a==1\n")
    (tmp_path / "deploy/constraints-cpu.txt").write_text("b==1\n")
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    return tmp_path


def test_what_was_installed_is_known_afterwards(tmp_path: Path) -> None:
    mark(tmp_path, "f", frozenset({"cpu", "dev"}))
    assert installed_extras(tmp_path, "f") == {"cpu", "dev"}
    assert installed_extras(tmp_path, "other") == frozenset()
    unmark(tmp_path)
    assert installed_extras(tmp_path, "f") == frozenset()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"fingerprint": "f"}', "\x00"])
def test_a_broken_marker_means_install_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "outrider-installed.json").write_text(text)
    assert installed_extras(tmp_path, "f") == frozenset()


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-cpu.txt"])
def test_another_pin_means_install_again(root: Path, name: str) -> None:
    before = fingerprint(root)
    assert fingerprint(root) == before
    (root / "deploy" / name).write_text("a==2\n")
    assert fingerprint(root) != before


def test_another_requirement_means_install_again(root: Path) -> None:
    before = fingerprint(root)
    (root / "pyproject.toml").write_text(PROJECT.replace('"a"', '"a", "c"'))
    assert fingerprint(root) != before


def test_a_linters_option_does_not(root: Path) -> None:
    before = fingerprint(root)
    (root / "pyproject.toml").write_text(PROJECT + "[tool.ruff]\nline-length = 100\n")
    assert fingerprint(root) == before
