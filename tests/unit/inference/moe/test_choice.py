"""Who computes a layer of experts, asked with vLLM's own configurations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from vllm.model_executor.layers.fused_moe.activation import MoEActivation
from vllm.model_executor.layers.quantization.fp8 import Fp8Config

from inference.moe.choice import Choice, Device, choose
from inference.moe.formats import Fp8, Int4, Plain
from tests.support.vllm_experts import (
    FP8_INPUTS,
    PREFIX,
    compressed,
    fp8,
    int4,
    layer,
    moe_config,
    parallel,
)

CPU = Device(gpu=False, runs_kernels=False)
INTERPRETER = Device(gpu=False, runs_kernels=True)
GPU = Device(gpu=True, runs_kernels=True)


def chosen(
    asked: Any, device: Device, quant_config: Any = None, config: Any = None, **options: Any
) -> Choice:
    """For a layer that vLLM made; its weights are left to nobody."""
    config = config or moe_config()
    whole = layer(None, moe_config(), **options)
    return choose(asked, device, whole, quant_config, config, PREFIX)


FORMATS = {
    "bf16": (None, Plain()),
    "int4": (int4(), Int4(128, symmetric=True)),
    "int4 with zeros": (int4(symmetric=False), Int4(128, symmetric=False)),
    "int4 in larger groups": (int4(256), Int4(256, symmetric=True)),
    "fp8 by rows": (fp8(), Fp8()),
    "fp8 by rows, its inputs plain": (fp8(inputs=None), Fp8()),
    "fp8 in blocks": (fp8(128), Fp8((128, 128))),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_gpu_runs_our_kernels_on_tiles_of_every_format(name):
    quant_config, format = FORMATS[name]
    assert chosen("custom", GPU, quant_config) == Choice("custom", format, tiles=True)


@pytest.mark.parametrize("name", FORMATS)
def test_a_cpu_computes_every_format_as_it_was_loaded(name):
    quant_config, format = FORMATS[name]
    assert chosen("custom", CPU, quant_config) == Choice("custom", format)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("device", [CPU, GPU, INTERPRETER])
def test_naive_is_naive_on_any_device(name, device):
    quant_config, format = FORMATS[name]
    assert chosen("naive", device, quant_config) == Choice("naive", format)


@pytest.mark.parametrize("path", ["triton", "stock"])
def test_who_asks_for_vllms_own_gets_it(path):
    assert chosen(path, GPU, int4()) == Choice(path)


def test_under_tritons_interpreter_a_cpu_runs_our_kernels():
    assert chosen("custom", INTERPRETER).tiles


# What only the naive layer knows: on a GPU vLLM's Triton takes it, on a CPU the naive one.
BEYOND_KERNELS = {
    "int4 in groups of 32": {"quant_config": int4(32)},
    "FP8 in blocks of (64, 64)": {"quant_config": fp8(64)},
    "2 experts for each token": {"config": moe_config(experts_per_token=2)},
    "the router's weight on the output": {"apply_router_weight_on_input": False},
    "inputs in torch.float64": {"config": moe_config(in_dtype=torch.float64)},
}


@pytest.mark.parametrize("reason", BEYOND_KERNELS)
def test_what_our_kernels_dont_know_falls_back_and_says_why(reason):
    given = BEYOND_KERNELS[reason]
    assert chosen("custom", GPU, **given) == Choice("triton", reason=reason)
    interpreted = chosen("custom", INTERPRETER, **given)
    assert (interpreted.path, interpreted.tiles, interpreted.reason) == ("naive", False, reason)
    cpu = chosen("custom", CPU, **given)
    assert (cpu.path, cpu.tiles, cpu.reason) == ("custom", False, "")


def test_tritons_interpreter_gets_no_bfloat16_which_it_multiplies_wrong():
    config = moe_config(in_dtype=torch.bfloat16)
    assert chosen("custom", GPU, config=config).tiles
    found = chosen("custom", INTERPRETER, config=config)
    assert (found.path, found.reason) == ("naive", "inputs in torch.bfloat16")


W8A8 = {"num_bits": 8, "type": "float", "strategy": "tensor", "dynamic": False}
INT8 = {"num_bits": 8, "type": "int", "strategy": "channel"}

# What none of ours knows: vLLM's own computes, weighted once by our layer.
BEYOND_US: dict[str, dict[str, Any]] = {
    "the activation gelu": {"config": moe_config(activation=MoEActivation.GELU)},
    "experts with biases": {"config": moe_config(has_bias=True)},
    "a SwiGLU with limits": {"swiglu_limit": 7.0},
    "adapters (LoRA)": {"config": moe_config(is_lora_enabled=True)},
    "tokens that vLLM deals out to several cards": {
        "config": moe_config(moe_parallel_config=parallel(dp_size=2, ep_size=2, use_ep=True))
    },
    "experts that change their cards (EPLB)": {
        "config": moe_config(moe_parallel_config=parallel(ep_size=2, use_ep=True, enable_eplb=True))
    },
    "the quantization fp8": {"quant_config": Fp8Config()},
    "int4 in another form than groups of columns, or with quantized inputs": {
        "quant_config": int4(strategy="channel", group_size=None)
    },
    "int weights of 8 bits (pack-quantized)": {"quant_config": compressed(INT8)},
    "FP8 with scales of the inputs in the checkpoint": {"quant_config": fp8(inputs=W8A8)},
    "FP8 by tensor": {
        "quant_config": compressed(W8A8, FP8_INPUTS | {"strategy": "tensor"}, "float-quantized")
    },
    "FP8 in blocks of (128, 128) that 192 neurons don't fill": {
        "quant_config": fp8(128),
        "config": moe_config(intermediate_size=192),
    },
}


@pytest.mark.parametrize("reason", BEYOND_US)
@pytest.mark.parametrize("asked", ["custom", "naive"])
def test_what_none_of_ours_knows_is_left_to_vllm_and_said(reason, asked):
    given = BEYOND_US[reason]
    assert chosen(asked, GPU, **given) == Choice("triton", reason=reason)
    assert chosen(asked, CPU, **given) == Choice("stock", reason=reason)


def test_expert_parallelism_over_one_batch_is_ours():
    config = moe_config(moe_parallel_config=parallel(ep_size=2, use_ep=True))
    assert chosen("custom", GPU, int4(), config).tiles


def test_every_reason_is_said():
    config = moe_config(has_bias=True, activation=MoEActivation.GELU)
    assert chosen("custom", GPU, None, config).reason == "the activation gelu, experts with biases"
