"""The same model has the same fingerprint wherever it lies, and every other another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="comes with vLLM")

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from inference.vllm_engine.fingerprint import fingerprint
from tests.support.checkpoint import checkpoint, shard

SECOND = "model-00002-of-00003.safetensors"


def tokenizer(*words: str, template: str = "{{ messages }}") -> PreTrainedTokenizerFast:
    vocabulary = {word: index for index, word in enumerate(words or ("<unk>", "a", "b"))}
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    return PreTrainedTokenizerFast(tokenizer_object=plain, chat_template=template)


def laid(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, content in checkpoint(numbers=300_000).items():
        (folder / name).write_bytes(content)
    return folder


def test_one_model_has_one_fingerprint_in_a_folder_in_the_hubs_cache_and_as_it_was_fetched(
    tmp_path: Path,
) -> None:
    fetched = laid(tmp_path / "models" / "ORG--Name")
    cached = tmp_path / "models--ORG--Name" / "snapshots" / "0a1b"
    cached.mkdir(parents=True)
    for path in fetched.iterdir():
        (cached / path.name).symlink_to(path)
    (fetched / "outrider-weights.json").write_text("{}")
    (cached / "consolidated.safetensors").write_bytes(shard({"layer.0": 4}))
    found = {fingerprint(str(one), tokenizer()) for one in (fetched, cached)}
    assert len(found) == 1


def test_a_second_set_of_weights_in_its_makers_format_counts_where_it_is_the_only_one(
    tmp_path: Path,
) -> None:
    folder = laid(tmp_path / "model")
    for path in folder.glob("model*"):
        path.unlink()
    (folder / "consolidated.safetensors").write_bytes(shard({"layer.0": 4}))
    one = fingerprint(str(folder), tokenizer())
    (folder / "consolidated.safetensors").write_bytes(shard({"layer.0": 4}, seed=1))
    assert fingerprint(str(folder), tokenizer()) != one


def _retrained(folder: Path) -> None:
    """As large, with the same names, in one of its files."""
    (folder / SECOND).write_bytes(shard({"layer.1": 300_000}, seed=7))


def _last_byte(folder: Path) -> None:
    content = (folder / SECOND).read_bytes()
    (folder / SECOND).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def _configured(folder: Path) -> None:
    (folder / "config.json").write_text('{"architectures": ["Llama4ForCausalLM"], "rope": 2}')


@pytest.mark.parametrize("change", [_retrained, _last_byte, _configured])
def test_other_weights_and_another_config_have_another(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    folder = laid(tmp_path / "model")
    before = fingerprint(str(folder), tokenizer())
    change(folder)
    assert fingerprint(str(folder), tokenizer()) != before


def test_another_vocabulary_and_another_template_have_another(tmp_path: Path) -> None:
    folder = str(laid(tmp_path / "model"))
    ones = [tokenizer(), tokenizer("<unk>", "b", "a"), tokenizer(template="{{ messages[0] }}")]
    assert len({fingerprint(folder, one) for one in ones}) == 3


def test_a_model_that_is_named_as_on_the_hub_goes_by_its_name() -> None:
    found = {fingerprint(name, tokenizer()) for name in ("ORG/One", "ORG/Two")}
    assert len(found) == 2
