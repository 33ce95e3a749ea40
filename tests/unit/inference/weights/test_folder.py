"""Damaged and missing files of a model are found before it is loaded, each in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.errors import EngineError, ModelNotFound, ProfileRefused, WeightsDamaged
from inference.weights.folder import has_chat_template, require_model
from tests.support.checkpoint import checkpoint, shard

SECOND = "model-00002-of-00003.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in checkpoint().items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def refusal(folder: Path, kind: type[EngineError] = WeightsDamaged) -> str:
    with pytest.raises(kind) as refused:
        require_model(folder)
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_whole_model_is_taken_with_and_without_an_index(folder):
    require_model(folder)
    (folder / "model.safetensors.index.json").unlink()
    require_model(folder)


def test_a_folder_without_a_config_is_no_model(folder):
    (folder / "config.json").unlink()
    assert "no config.json" in refusal(folder, ModelNotFound)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors.index.json"])
def test_json_that_is_too_deep_to_be_read_is_named(folder, name):
    (folder / name).write_text("[" * 100_000)
    assert f"{folder / name} can't be read" in refusal(folder)


def test_a_missing_shard_is_named(folder):
    (folder / SECOND).unlink()
    assert f"{SECOND} is missing in" in refusal(folder)


@pytest.mark.parametrize("kept", ["model-00001-of-00003.safetensors", SECOND])
def test_without_an_index_the_names_say_which_shards_are_missing(folder, kept):
    (folder / "model.safetensors.index.json").unlink()
    for path in folder.glob("model-*"):
        if path.name != kept:
            path.unlink()
    said = refusal(folder)
    missing = {"model-00001-of-00003.safetensors", SECOND, "model-00003-of-00003.safetensors"}
    assert all((name in said) == (name != kept) for name in missing)
    assert " are missing in" in said


def test_a_shard_alone_of_one_and_one_without_a_number_are_whole(folder):
    for path in folder.glob("model*"):
        path.unlink()
    (folder / "model-00001-of-00001.safetensors").write_bytes(shard({"layer.0": 4}))
    require_model(folder)
    (folder / "model.safetensors").write_bytes(shard({"layer.0": 4}))
    require_model(folder)


@pytest.mark.parametrize("kept", [0, 5, 200, -1])
def test_a_shard_that_was_cut_short_is_named(folder, kept):
    path = folder / SECOND
    path.write_bytes(path.read_bytes()[:kept])
    assert f"{path} is damaged" in refusal(folder)


def test_a_shard_that_is_too_long_is_named(folder):
    path = folder / SECOND
    path.write_bytes(path.read_bytes() + b"\0" * 16)
    assert f"{path} is damaged" in refusal(folder)


def test_a_shard_with_a_damaged_head_is_named(folder):
    path = folder / SECOND
    path.write_bytes(b"\xff" * 64 + path.read_bytes()[64:])
    assert f"{path} is damaged" in refusal(folder)


def test_a_shard_of_another_model_is_named(folder):
    (folder / SECOND).write_bytes(shard({"other": 4}))
    assert "lacks 1 tensors that model.safetensors.index.json names (layer.1)" in refusal(folder)


def test_a_folder_without_weights_says_so(folder):
    for path in folder.glob("model*"):
        path.unlink()
    assert "has no *.safetensors" in refusal(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors.index.json"])
@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_json_file_that_is_none_is_named(folder, name, content):
    (folder / name).write_bytes(content)
    assert str(folder / name) in refusal(folder)


@pytest.mark.parametrize("named", ['"../../etc/passwd"', "7", '""'])
def test_an_index_can_not_name_files_elsewhere(folder, named):
    index = folder / "model.safetensors.index.json"
    index.write_text(f'{{"weight_map": {{"layer.0": {named}}}}}')
    assert "is no file beside it" in refusal(folder)


def test_a_model_without_a_chat_template_is_refused_and_a_file_beside_it_mends_that(folder):
    (folder / "tokenizer_config.json").write_text("{}")
    assert "no chat template" in refusal(folder, ProfileRefused)
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    require_model(folder)


def test_a_model_without_a_tokenizers_config_has_no_template(folder):
    (folder / "tokenizer_config.json").unlink()
    assert not has_chat_template(folder)
