"""docs/plan.md shows what the command prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bots.cli import cli

PAGE = Path(__file__).parents[3] / "docs" / "plan.md"
SHOWN = re.findall(r"```console\n\$ outrider (plan [^\n]*)\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize(("command", "shown"), SHOWN, ids=[command for command, _ in SHOWN])
def test_the_page_shows_what_the_command_prints(command, shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTRIDER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    printed = CliRunner().invoke(cli, command.split()).stdout
    said = "\n".join(line.rstrip() for line in printed.splitlines())
    assert said == shown.strip(), f"put what `outrider {command}` prints into docs/plan.md"


def test_the_page_shows_one_that_fits_and_one_that_does_not():
    fits, does_not, eight = (shown for _, shown in SHOWN)
    assert "It fits" in fits
    assert "It does not fit" in does_not
    assert "on 8 × H100" in eight
