"""Who computes a layer's routed experts: the setting `moe`, as far as the layer allows it.

Where it doesn't, a path takes its place that also multiplies the router's weight in once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from vllm.model_executor.layers.fused_moe.activation import MoEActivation

from inference.moe.formats import Format, format_of
from inference.settings import MoePath

_INTERPRETED = (torch.float16, torch.float32)  # the interpreter's product of bfloat16 is wrong
_DTYPES = (*_INTERPRETED, torch.bfloat16)


@dataclass(frozen=True, slots=True)
class Device:
    """`runs_kernels`: a GPU of NVIDIA's, or Triton's interpreter in its place."""

    gpu: bool
    runs_kernels: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """`format` None leaves the weights to vLLM; `tiles`: they are repacked for our kernels.
    `reason`: why it is not the path that was asked for, "" where it is."""

    path: MoePath
    format: Format | None = None
    tiles: bool = False
    reason: str = ""


def choose(
    asked: MoePath, device: Device, layer: Any, quant_config: Any, moe_config: Any, prefix: str
) -> Choice:
    """`layer`, `quant_config`, `moe_config` and `prefix` as vLLM's `RoutedExperts` has them.

    On a CPU "custom" is our op's implementation in torch, except under Triton's interpreter.
    """
    if asked in ("triton", "stock"):
        return Choice(asked)
    format = format_of(quant_config, layer, prefix)
    if isinstance(format, str):
        return _of_vllm(device, format)
    misfit = format.misfit(moe_config.intermediate_size_per_partition)
    if reason := misfit or _beyond_us(layer, moe_config):
        return _of_vllm(device, reason)
    if asked == "naive" or not device.runs_kernels:
        return Choice(asked, format)
    if not (reason := format.why_no_tiles or _beyond_our_kernels(device, layer, moe_config)):
        return Choice("custom", format, tiles=True)
    # On a GPU the naive layer would wait for the host, which no CUDA graph can capture.
    return _of_vllm(device, reason) if device.gpu else Choice("naive", format, reason=reason)


def _of_vllm(device: Device, reason: str) -> Choice:
    return Choice("triton" if device.gpu else "stock", reason=reason)


def _beyond_us(layer: Any, moe_config: Any) -> str:
    """What neither our kernels nor the naive layer know; "" where there is nothing."""
    parallel = moe_config.moe_parallel_config
    limits = (layer.swiglu_limit, layer.swiglu_alpha, layer.swiglu_beta)
    dispatched = parallel.dp_size > 1 or parallel.pcp_size > 1 or parallel.is_sequence_parallel
    found = {
        f"the activation {moe_config.activation.value}": moe_config.activation
        != MoEActivation.SILU,
        "experts with biases": moe_config.has_bias,
        "a SwiGLU with limits": any(one is not None for one in limits),
        "adapters (LoRA)": moe_config.is_lora_enabled,
        "tokens that vLLM deals out to several cards": dispatched
        or parallel.use_passthrough_all2all,
        "experts that change their cards (EPLB)": parallel.enable_eplb,
    }
    return ", ".join(reason for reason, holds in found.items() if holds)


def _beyond_our_kernels(device: Device, layer: Any, moe_config: Any) -> str:
    dtypes = _DTYPES if device.gpu else _INTERPRETED
    found = {
        f"{moe_config.experts_per_token} experts for each token": moe_config.experts_per_token > 1,
        "the router's weight on the output": not layer.apply_router_weight_on_input,
        f"inputs in {moe_config.in_dtype}": moe_config.in_dtype not in dtypes,
    }
    return ", ".join(reason for reason, holds in found.items() if holds)
