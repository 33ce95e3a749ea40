"""Profiles that people add in TOML: what they may say, and what they are told when it is wrong."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from inference.errors import ProfileRefused
from inference.profiles import Licence, Profile, profile_named, profile_names

DOCUMENTED = Path(__file__).parents[4] / "docs" / "profiles.md"


def write(data_dir: Path, text: str, name: str = "mine") -> Path:
    path = data_dir / "profiles" / f"{name}.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_two_lines_are_a_profile_of_any_model_on_the_hub(tmp_path):
    write(tmp_path, 'model = "org/some-model"\ngpus = 2\n')
    profile = profile_named("mine", tmp_path)
    assert (profile.name, profile.runner, profile.extra) == ("mine", "vllm", "gpu")
    assert profile.hardware == "2 NVIDIA GPUs"
    assert profile.licence is None


def test_a_profile_extends_another_and_that_one_a_third(tmp_path):
    write(tmp_path, 'extends = "scout"\nmax_model_len = 32768\n', "shorter")
    write(tmp_path, 'extends = "shorter"\ntemperature = 0.1\n')
    profile, scout = profile_named("mine", tmp_path), profile_named("scout")
    assert (profile.max_model_len, profile.temperature) == (32768, 0.1)
    assert (profile.model, profile.licence) == (scout.model, scout.licence)
    assert profile_names(tmp_path)[-2:] == ("mine", "shorter")


@pytest.mark.parametrize(
    ("text", "hardware"),
    [
        ("gpus = 2", "2 NVIDIA GPUs"),
        ("runner = 'remote'", "none"),
        ("gpus = 2\nhardware = 'two of ours'", "two of ours"),
        ("temperature = 0.1", "one H100 with 80 GB"),
    ],
)
def test_who_states_other_cards_needs_other_hardware(tmp_path, text, hardware):
    write(tmp_path, f"extends = 'scout'\n{text}\n")
    assert profile_named("mine", tmp_path).hardware == hardware


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modle = 'a/b'", "modle is not a key of a profile: did you mean model?"),
        ("zzz = 1\nmodel = 'a/b'", "zzz is not a key of a profile: a profile has "),
        ("name = 'x'\nmodel = 'a/b'", "name is not a key"),
        ("model = 3", "model: input should be a valid string"),
        ("model = 'a/b'\nmax_model_len = '8192'", "max_model_len: input should be a valid integer"),
        ("model = 'a/b'\nmax_model_len = 8", "max_model_len: input should be greater than or equ"),
        ("model = 'a/b'\ntemperature = 9.5", "temperature: input should be less than or equal to"),
        ("model = 'a/b'\nrunner = 'mlx'", "runner: input should be 'vllm', 'remote' or 'scripted'"),
        ("model = 'a/b'\ndtype = 2026-01-01", "no key of a profile is a date, inf or nan"),
        ("model = 'a/b'\ntop_p = inf", "no key of a profile is a date, inf or nan"),
        ("model = ", "can't be read: "),
        ("gpus = 1", "the profile needs a model"),
        ("model = 'a/b'\nquantize = 'w4a16'", "the profile has quantize and no recipe"),
        ("model = 'a/b'\nquantize = 'int3'", "quantize: input should be '' or 'w4a16'"),
        ("model = 'a/b'\nvision = true", "the profile has vision and no GPU"),
        ("model = 'a/b'\ngpus = 2\ntensor_parallel = 2\npipeline_parallel = 2", "over 4 GPUs"),
        ("model = 'a/b'\nleast_answer_tokens = 9000", "leaves no room for a prompt"),
        (
            "model = 'a/b'\n[vllm]\ngpu_memory_utilization = 0.5",
            "sets gpu_memory_utilization in its table [vllm], which Outrider sets: say it by the "
            "profile's own key gpu_memory_utilization.",
        ),
        ("model = 'a/b'\n[vllm]\ntensor_parallel_size = 2", "own key tensor_parallel."),
        ("model = 'a/b'\n[vllm]\nscheduling_policy = 'fcfs'", "sets: leave it out there."),
        ("model = 'a/b'\n[licence]\nname = 'x'", "licence.url: field required"),
        ("model = 'a/b'\n[licence]\nname='x'\nurl='y'\ntitel='z'", "licence.titel is not a key"),
        ("extends = 'scowt'", "extends: There is no profile 'scowt'"),
        ("extends = 7", "extends must be the name of a profile"),
        ("extends = 'mine'", "mine extends mine, which has no end"),
    ],
)
def test_each_fault_is_a_sentence_with_the_file_and_the_key(tmp_path, text, said):
    path = write(tmp_path, text)
    with pytest.raises(ProfileRefused) as refused:
        profile_named("mine", tmp_path)
    sentence = str(refused.value)
    assert said in sentence
    assert str(path) in sentence
    assert "\n" not in sentence


def test_all_faults_of_a_file_are_told_at_once(tmp_path):
    write(tmp_path, "model = 'a/b'\ngpus = -1\ntop_p = 2.0\n")
    with pytest.raises(ProfileRefused) as refused:
        profile_named("mine", tmp_path)
    assert [line.split(": ")[1] for line in str(refused.value).splitlines()] == ["gpus", "top_p"]


def test_a_file_that_is_not_text_is_refused(tmp_path):
    write(tmp_path, "").write_bytes(b"\xff\xfe")
    with pytest.raises(ProfileRefused, match="not UTF-8"):
        profile_named("mine", tmp_path)


def test_a_file_with_the_name_of_a_built_in_profile_is_refused(tmp_path):
    path = write(tmp_path, 'temperature = 0.2\nextends = "scout"', "scout")
    with pytest.raises(ProfileRefused, match="rename the file") as refused:
        profile_named("scout", tmp_path)
    assert str(path) in str(refused.value)


def test_a_wrong_file_is_no_hindrance_to_the_others(tmp_path):
    write(tmp_path, "nonsense", "broken")
    assert profile_named("demo", tmp_path).name == "demo"


def test_every_key_is_documented():
    page = DOCUMENTED.read_text(encoding="utf-8")
    keys = {field.name for field in fields(Profile)} - {"name", "extra"}
    assert {key for key in keys if f"| `{key}` |" not in page} == set()
    assert {field.name for field in fields(Licence) if f"`{field.name}`" not in page} == set()
