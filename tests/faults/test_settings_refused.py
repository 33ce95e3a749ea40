"""A wrong setting stops the program with one line; see also tests/unit/bots/test_settings.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import Program

Make = Callable[..., Program]


@pytest.mark.parametrize("command", ["run", "gateway", "worker", "doctor"])
async def test_every_command_refuses_a_name_that_is_none(
    outrider: Make, tmp_path: Path, command: str
) -> None:
    settings = {"TELEGRAM__TOKN": "hidden-part"}
    said = await outrider(tmp_path / "data", settings=settings, command=(command,)).refusal()
    assert said == (
        "outrider: OUTRIDER_TELEGRAM__TOKN in the environment is not a setting: "
        "did you mean OUTRIDER_TELEGRAM__TOKEN?\n"
    )


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".env", "OUTRIDER_LOG__LEVEL=loud\n"),
        ("outrider.toml", "[log]\nlevel = 'loud'\n"),
    ],
)
async def test_a_value_that_is_wrong_in_a_file_is_named(
    outrider: Make, tmp_path: Path, file: str, text: str
) -> None:
    (tmp_path / file).write_text(text)
    said = await outrider(tmp_path / "data").refusal()
    assert said.startswith("outrider: OUTRIDER_LOG__LEVEL: input should be 'debug'")
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "data").exists()
