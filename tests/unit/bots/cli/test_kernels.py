"""`outrider kernels tune`, as a person calls it on a machine without a card."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from bots.cli.kernels import require_card
from bots.cli.main import cli
from inference.errors import TuningRefused
from inference.hardware import graphics_cards


@pytest.mark.skipif(graphics_cards() > 0, reason="this machine has a card, and would be measured")
def test_without_a_card_one_sentence_says_what_tuning_needs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTRIDER_DATA_DIR", str(tmp_path))
    result = CliRunner().invoke(cli, ["kernels", "tune", "--shape", "maverick", "--tokens", "8"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        "outrider: Tuning measures the kernels on an NVIDIA GPU, of which this machine has none: "
        "run 'outrider kernels tune' on the machine whose card answers.\n"
    )
    assert not (tmp_path / "kernels").exists()


def test_a_torch_for_the_cpu_is_refused_in_words():
    with pytest.raises(TuningRefused, match=r"needs torch for CUDA.*\[gpu\]"):
        require_card(1, None)
    require_card(1, "13.0")


def test_a_number_of_tokens_under_one_is_no_question():
    result = CliRunner().invoke(cli, ["kernels", "tune", "--tokens", "0"])
    assert result.exit_code == 2
