import sys
from pathlib import Path

import pytest

from deploy.browser import install_command, system_browser


def test_root_on_debian_takes_the_systems() -> None:
    assert install_command(root=True, apt=True)[:2] == ["apt-get", "install"]


@pytest.mark.parametrize(("root", "apt"), [(False, True), (True, False)])
def test_everybody_else_takes_playwrights(root: bool, apt: bool) -> None:
    expected = [sys.executable, "-m", "playwright", "install", "chromium"]
    assert install_command(root=root, apt=apt) == expected


def test_a_browser_on_the_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert system_browser() is None
    program = tmp_path / "google-chrome"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert system_browser() == str(program)
