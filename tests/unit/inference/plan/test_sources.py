from __future__ import annotations

import json
from dataclasses import replace

import pytest

from inference.errors import PlanRefused
from inference.plan.architecture import read_architecture
from inference.plan.quantization import read_quantization
from inference.plan.sources import find_config
from inference.profiles import profile_named
from tests.unit.inference.plan.test_architecture import LLAMA

SCOUT = profile_named("scout")


@pytest.fixture(autouse=True)
def no_hub_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def written(folder, config=LLAMA):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_the_built_in_profiles_are_planned_without_their_files(tmp_path):
    for name in ("demo", "demo-int4", "scout", "maverick"):
        found = find_config(profile_named(name), tmp_path)
        assert found.place.startswith("facts")
        assert read_architecture(found.config).is_llama4


def test_scouts_usual_weights_are_in_four_bits(tmp_path):
    stored = find_config(SCOUT, tmp_path).config["quantization_config"]
    assert stored["config_groups"]["linear"]["weights"]["num_bits"] == 4


def test_a_folder_or_its_config_goes_before_the_profiles_model(tmp_path):
    folder = written(tmp_path / "own")
    for model in (str(folder), str(folder / "config.json")):
        found = find_config(SCOUT, tmp_path, model)
        assert found.config == LLAMA
        assert found.shown == "own"


def test_what_was_fetched_goes_before_the_facts(tmp_path):
    for folder in (
        tmp_path / "hub" / f"models--{SCOUT.model.replace('/', '--')}" / "snapshots" / "abc",
        tmp_path / "models" / SCOUT.model,
    ):
        written(folder)
        found = find_config(SCOUT, tmp_path)
        assert (found.config, found.place) == (LLAMA, str(folder))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is no JSON"),
        (b"[1]", "is no JSON object"),
        (b"\xff\xfe", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b" " * 9_000_000, "far larger"),
    ],
)
def test_a_file_that_is_none_is_one_sentence(tmp_path, content, sentence):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(PlanRefused, match=sentence):
        find_config(SCOUT, tmp_path, str(tmp_path))


@pytest.mark.parametrize(
    ("model", "format_", "sentence"),
    [
        ("/nowhere/at/all", None, "There is no config.json at /nowhere/at/all"),
        ("somebody/else", None, "is not on this machine: fetch the model first"),
        ("../../etc", None, "There is no config.json"),
        ("a/../../etc", None, "is not on this machine"),
        (None, "int3", "There is no format 'int3': choose one of bf16, fp8"),
        ("somebody/else", "bf16", "only for a model that Outrider knows"),
    ],
)
def test_what_is_not_there_is_one_sentence(tmp_path, model, format_, sentence):
    with pytest.raises(PlanRefused, match=sentence):
        find_config(SCOUT, tmp_path, model, format_)


@pytest.mark.parametrize("name", ["demo", "demo-int4"])
def test_the_demos_facts_are_those_of_the_model_that_is_built(tmp_path, name):
    """Each number in the facts is the one that the demo's own config gets from its source."""
    from inference.demo.layout import llama4_config
    from tests.support.smollm2 import METADATA

    profile = profile_named(name)
    built = llama4_config(METADATA.__getitem__, profile.quantize)
    facts = find_config(profile, tmp_path).config
    assert read_architecture(facts) == read_architecture(built)
    assert read_quantization(facts, 2) == read_quantization(built, 2)


def test_a_profile_of_ones_own_is_planned_from_its_folder(tmp_path):
    own = replace(SCOUT, name="own", model=str(written(tmp_path / "m")))
    assert find_config(own, tmp_path).config == LLAMA
