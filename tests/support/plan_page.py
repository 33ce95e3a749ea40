"""The blocks of docs/plan.md, as the command prints them.

python -m tests.support.plan_page --write
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bots.cli.main import cli

PAGE = Path(__file__).parents[2] / "docs" / "plan.md"
BLOCK = re.compile(r"```console\n\$ outrider (plan [^\n]*)\n(.*?)\n?```", re.DOTALL)


def printed(command: str) -> str:
    """On a machine that has no settings, and no files of any model."""
    with nobodys_machine():
        said = CliRunner().invoke(cli, command.split()).stdout
    return "\n".join(line.rstrip() for line in said.splitlines())


@contextmanager
def nobodys_machine() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        for name in [name for name in os.environ if name.startswith("OUTRIDER_")]:
            here.delenv(name)
        here.setenv("OUTRIDER_DATA_DIR", folder)
        here.setenv("HF_HUB_CACHE", folder)
        yield


def page() -> str:
    """The page with each of its blocks printed anew."""
    return BLOCK.sub(
        lambda block: f"```console\n$ outrider {block[1]}\n{printed(block[1])}\n```",
        PAGE.read_text(encoding="utf-8"),
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page())
