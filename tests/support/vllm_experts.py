"""vLLM's layers of routed experts, made as its models make them, without a model around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from vllm.config import VllmConfig, set_current_vllm_config
from vllm.model_executor.layers.fused_moe.activation import MoEActivation
from vllm.model_executor.layers.fused_moe.config import (
    FusedMoEConfig,
    FusedMoEParallelConfig,
    RoutingMethodType,
)
from vllm.model_executor.layers.fused_moe.expert_map_manager import ExpertMapManager
from vllm.model_executor.layers.quantization.compressed_tensors.compressed_tensors import (
    CompressedTensorsConfig,
)

from inference.kernels.moe.fp8 import quantize_fp8
from inference.kernels.moe.int4 import quantize
from inference.kernels.moe.naive import naive_moe
from inference.moe.layer import OutriderRoutedExperts

EXPERTS, HIDDEN, INNER = 4, 256, 128
PREFIX = "model.layers.0.feed_forward.experts"


def parallel(**changes: Any) -> FusedMoEParallelConfig:
    return replace(FusedMoEParallelConfig.make_no_parallel(), **changes)


def moe_config(**changes: Any) -> FusedMoEConfig:
    """Of Llama 4's experts, small."""
    given: dict[str, Any] = {
        "num_experts": EXPERTS,
        "experts_per_token": 1,
        "hidden_dim": HIDDEN,
        "intermediate_size": INNER,
        "num_local_experts": EXPERTS,
        "num_logical_experts": EXPERTS,
        "activation": MoEActivation.SILU,
        "device": "cpu",
        "routing_method": RoutingMethodType.Llama4,
        "moe_parallel_config": parallel(),
        "in_dtype": torch.float32,
    }
    return FusedMoEConfig(**given | changes)


def compressed(
    weights: Mapping[str, Any],
    inputs: Mapping[str, Any] | None = None,
    form: str = "pack-quantized",
) -> CompressedTensorsConfig:
    """vLLM's own reading of a checkpoint's `quantization_config`."""
    group = {"targets": ["Linear"], "weights": dict(weights)}
    if inputs is not None:
        group["input_activations"] = dict(inputs)
    return CompressedTensorsConfig.from_config(
        {
            "quant_method": "compressed-tensors",
            "format": form,
            "quantization_status": "compressed",
            "config_groups": {"group_0": group},
            "ignore": ["lm_head"],
        }
    )


def int4(group: int = 128, *, symmetric: bool = True, **changes: Any) -> CompressedTensorsConfig:
    weights = {
        "num_bits": 4,
        "type": "int",
        "strategy": "group",
        "group_size": group,
        "symmetric": symmetric,
    }
    return compressed(weights | changes)


FP8_INPUTS = {"num_bits": 8, "type": "float", "strategy": "token", "dynamic": True}


def fp8(
    block: int | None = None, inputs: Mapping[str, Any] | None = FP8_INPUTS
) -> CompressedTensorsConfig:
    weights: dict[str, Any] = {"num_bits": 8, "type": "float", "strategy": "channel"}
    if block is not None:
        weights |= {"strategy": "block", "block_structure": [block, block]}
    return compressed(weights, inputs, "float-quantized")


@contextmanager
def configured() -> Iterator[None]:
    with set_current_vllm_config(VllmConfig()):
        yield


def layer(
    quant_config: Any = None,
    config: FusedMoEConfig | None = None,
    *,
    cls: type[OutriderRoutedExperts] = OutriderRoutedExperts,
    **options: Any,
) -> OutriderRoutedExperts:
    """Ours, in place of vLLM's, with the weights' room made and nothing loaded."""
    config = config or moe_config()
    given = {"apply_router_weight_on_input": True} | options
    with configured():
        return cls(
            PREFIX,
            torch.float32,
            config,
            quant_config,
            ExpertMapManager(
                max_num_batched_tokens=64,
                top_k=config.experts_per_token,
                global_num_experts=config.num_experts,
                num_redundant_experts=0,
                num_expert_group=None,
                moe_parallel_config=config.moe_parallel_config,
                placement_strategy="linear",
                enable_eplb=False,
            ),
            **given,
        )


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A layer's experts in a checkpoint: `tensors` by their names in it, and what they mean, as
    plain matrices in float64: `w13` (E, 2I, H), `w2` (E, H, I)."""

    quant_config: Any
    tensors: dict[str, torch.Tensor]
    w13: torch.Tensor
    w2: torch.Tensor


FORMATS = ("plain", "int4", "int4-zeros", "fp8-rows", "fp8-blocks")


def checkpoint(form: str) -> Checkpoint:
    """Random experts, quantized by our own quantizers."""
    random = torch.Generator().manual_seed(7)
    w13 = torch.randn(EXPERTS, 2 * INNER, HIDDEN, generator=random) / HIDDEN**0.5
    w2 = torch.randn(EXPERTS, HIDDEN, INNER, generator=random) / INNER**0.5
    gate, up = w13.chunk(2, dim=1)
    parts = {"gate_proj": gate, "up_proj": up, "down_proj": w2}
    stored = {name: _stored(form, matrix) for name, matrix in parts.items()}
    tensors = {
        f"{expert}.{name}.{part}": tensor[expert]
        for name, (held, _) in stored.items()
        for part, tensor in held.items()
        for expert in range(EXPERTS)
    }
    meant = {name: matrix for name, (_, matrix) in stored.items()}
    configs = {
        "plain": None,
        "int4": int4(),
        "int4-zeros": int4(symmetric=False),
        "fp8-rows": fp8(),
        "fp8-blocks": fp8(128),
    }
    whole = torch.cat([meant["gate_proj"], meant["up_proj"]], dim=1)
    return Checkpoint(configs[form], tensors, whole, meant["down_proj"])


def _stored(form: str, matrix: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    if form == "plain":
        return {"weight": matrix}, matrix.double()
    if form.startswith("fp8"):
        weights = quantize_fp8(matrix, (128, 128) if form == "fp8-blocks" else None)
        held = {"weight": weights.values, "weight_scale": weights.scales}
        return held, replace(weights, scales=weights.scales.double()).dequantize()
    packed = quantize(matrix, 128, symmetric=form == "int4")
    shape = torch.tensor(matrix.shape[1:]).expand(EXPERTS, 2)
    held = {"weight_packed": packed.packed, "weight_scale": packed.scales, "weight_shape": shape}
    if packed.zero_points is not None:
        held["weight_zero_point"] = packed.zero_points
    return held, replace(packed, scales=packed.scales.double()).dequantize()


def load(made: OutriderRoutedExperts, held: Checkpoint) -> None:
    """By vLLM's loader, and then what vLLM does after it."""
    loaded = set(made.load_weights(held.tensors.items()))
    missing = {name for name, _ in made.named_parameters()} - loaded
    assert not missing, missing
    made.quant_method.process_weights_after_loading(made)


def of_two_ranks(held: Checkpoint) -> Iterator[OutriderRoutedExperts]:
    """An expert-parallel layer of two cards, loaded: the first half of the experts, the second."""
    for rank in (0, 1):
        config = moe_config(
            moe_parallel_config=parallel(ep_size=2, ep_rank=rank, use_ep=True),
            num_local_experts=EXPERTS // 2,
        )
        part = layer(held.quant_config, config)
        load(part, held)
        yield part


@dataclass(frozen=True, slots=True)
class Routed:
    """Tokens, and what a router says of them."""

    x: torch.Tensor
    weights: torch.Tensor
    ids: torch.Tensor

    def by(self, made: OutriderRoutedExperts) -> torch.Tensor:
        """As vLLM's runner asks the layer."""
        with torch.inference_mode():
            out: torch.Tensor = made.forward_modular(self.x, self.weights, self.ids)
        return out

    def truth(self, held: Checkpoint) -> torch.Tensor:
        given = (self.x.double(), held.w13, held.w2, self.weights.double(), self.ids.long())
        return naive_moe(*given, apply_router_weight_on_input=True)


def routed(count: int, seed: int = 5) -> Routed:
    random = torch.Generator().manual_seed(seed)
    return Routed(
        torch.randn(count, HIDDEN, generator=random),
        torch.rand(count, 1, generator=random) * 0.8 + 0.1,
        torch.randint(0, EXPERTS, (count, 1), generator=random).int(),
    )


def difference(found: torch.Tensor, truth: torch.Tensor) -> float:
    """‖found − truth‖ / ‖truth‖"""
    return float((found.double() - truth).norm() / truth.norm())
