"""Tiny checkpoints in the hub's form: real safetensors of a few kilobytes, in shards."""

from __future__ import annotations

import json

import numpy
from safetensors.numpy import save


def shard(tensors: dict[str, int], seed: int = 0) -> bytes:
    """A safetensors file with tensors of so many numbers."""
    numbers = numpy.random.default_rng(seed)
    return save({name: numbers.random(size, "float32") for name, size in tensors.items()})


def checkpoint(shards: int = 3, numbers: int = 4000) -> dict[str, bytes]:
    """The files of a model by name. It can't be run; its files are whole, and it has a template."""
    names = [f"model-{one + 1:05}-of-{shards:05}.safetensors" for one in range(shards)]
    index = {f"layer.{one}": name for one, name in enumerate(names)}
    return {
        "config.json": b'{"architectures": ["Llama4ForCausalLM"]}',
        "tokenizer_config.json": json.dumps({"chat_template": "{{ messages }}"}).encode(),
        "model.safetensors.index.json": json.dumps({"weight_map": index}).encode(),
        **{name: shard({f"layer.{one}": numbers}, one) for one, name in enumerate(names)},
    }
