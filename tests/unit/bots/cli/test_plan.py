"""`outrider plan`, as a person calls it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from bots.cli.main import cli


@pytest.fixture
def outrider(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTRIDER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["plan", *arguments])

    return call


def test_the_table_says_what_fits_and_what_a_step_costs(outrider):
    said = outrider("scout", "--card", "H100", "--context", "65536").stdout
    assert "on 1 × H100 (79.1 GiB, 3.35 TB/s)" in said
    assert "It fits" in said
    assert "together        60.43 GiB" in said
    for heading in ("Weights", "Memory", "KV cache", "Conversations at once", "Decode roofline"):
        assert heading in said
    assert "arithmetic" in said


def test_what_does_not_fit_says_why_and_what_would(outrider):
    said = " ".join(outrider("scout", "--card", "L40S").stdout.split())
    assert "It does not fit. The weights take 60.4 GiB" in said
    assert "What would fit: 2 such cards (30.2 GiB of weights on each); one H100" in said


def test_json_has_all_of_it(outrider):
    plan = json.loads(outrider("maverick", "--card", "80GB@3.35TB/s", "--json").stdout)
    assert plan["fits"] is True
    assert plan["parallel"] == {"tensor": 8, "pipeline": 1, "expert": True}
    assert plan["weights"]["total_bytes"] == sum(plan["weights"]["total"].values())
    assert plan["hybrid_cache"]["token_bytes"] * 4 == plan["full_cache"]["token_bytes"]
    assert [step["batch"] for step in plan["short_steps"]] == [1, 2, 4, 8, 16, 32, 64]
    assert plan["would_fit"] == []


def test_a_profile_over_two_hosts_has_half_of_the_layers_on_each_card(outrider):
    one, two = (
        json.loads(outrider(name, "--card", "80GB@3.35TB/s", "--json").stdout)
        for name in ("maverick", "maverick-hosts")
    )
    assert two["parallel"] == {"tensor": 8, "pipeline": 2, "expert": True}
    assert two["fits"] is True
    assert two["weights"]["total_bytes"] == one["weights"]["total_bytes"]
    assert 0.45 < two["weights"]["card_bytes"] / one["weights"]["card_bytes"] < 0.6
    assert two["full_cache"]["token_bytes"] * 2 == one["full_cache"]["token_bytes"]


def test_other_cards_formats_and_lengths(outrider):
    two = json.loads(
        outrider("scout", "--format", "fp8", "--cards", "2", "--card", "H100", "--json").stdout
    )
    assert two["parallel"]["tensor"] == 2
    assert two["quantization"] == "FP8"
    assert two["fits"] is True
    longer = json.loads(outrider("scout", "--card", "H100", "--context", "900000", "--json").stdout)
    assert longer["fits"] is False
    assert longer["conversations"][-1]["tokens"] == 900_000


def test_the_demo_is_planned_on_main_memory_without_a_profile_named(outrider):
    plan = json.loads(outrider("--json").stdout)
    assert plan["profile"] == "demo"
    assert plan["card"]["is_gpu"] is False
    assert plan["cache_bytes"] == 1 << 30


def test_a_size_is_main_memory_for_a_profile_that_runs_on_the_cpu(outrider):
    plan = json.loads(outrider("demo", "--card", "16GB", "--json").stdout)
    assert plan["card"]["is_gpu"] is False
    assert plan["reserve"]["context"] == 0, "there is no CUDA"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["behemoth"], "was never released"),
        (["remote"], "runs no model on this machine"),
        (["nonsense"], "There is no profile 'nonsense'"),
        (["scout", "--card", "Voodoo2"], "There is no card 'Voodoo2': name one of H100"),
        (["scout", "--cards", "3"], "3 cards can't share this model's 40 attention heads"),
        (["scout", "--model", "/nowhere"], "There is no config.json at /nowhere"),
        (["scout", "--format", "int3"], "There is no format 'int3'"),
    ],
)
def test_bad_input_ends_in_one_sentence(outrider, arguments, sentence):
    ended = outrider(*arguments)
    assert ended.exit_code == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("outrider: ")
    assert sentence in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
