"""Our methods inside vLLM's mixture-of-experts layer. Only `plugin.register` imports this.

`RoutedExperts` is vLLM's container of a layer's expert weights; it asks `_get_quant_method` who
computes. We stand in its place and answer with our method where we have one for the format and
the device, else with vLLM's own. That one place serves every format: it is asked before vLLM
chooses a backend, which for int4 on most CPUs it would refuse to.
"""

from __future__ import annotations

from typing import Any

import torch
from compressed_tensors import CompressionFormat
from compressed_tensors.quantization import QuantizationArgs, QuantizationStrategy, QuantizationType
from vllm.model_executor.layers.fused_moe.activation import MoEActivation
from vllm.model_executor.layers.fused_moe.fused_moe_method_base import FusedMoEMethodBase
from vllm.model_executor.layers.fused_moe.routed_experts import RoutedExperts
from vllm.model_executor.layers.fused_moe.unquantized_fused_moe_method import (
    UnquantizedFusedMoEMethod,
)
from vllm.model_executor.utils import set_weight_attrs
from vllm.platforms import current_platform

from inference.kernels.moe.int4 import VALUES_PER_INT32, Int4Weights
from inference.kernels.moe.naive import ExpertWeights, naive_moe


class OutriderMoEMethod(UnquantizedFusedMoEMethod):  # type: ignore[misc]
    """Unquantized experts on a CPU, computed by our own kernel.

    vLLM hands over `x` unscaled: the router's weight is applied here, exactly once.
    """

    @property
    def is_monolithic(self) -> bool:
        return False  # vLLM routes, we compute

    @property
    def supports_eplb(self) -> bool:
        return False

    def process_weights_after_loading(self, layer: Any) -> None:
        """The weights stay as loaded, (E, 2I, H) and (E, H, I): no packing for other kernels."""

    def apply(
        self,
        layer: Any,
        x: torch.Tensor,
        topk_weights: torch.Tensor,
        topk_ids: torch.Tensor,
        shared_experts: Any,
        shared_experts_input: torch.Tensor | None,
    ) -> torch.Tensor:
        """The routed experts' sum, (T, H); the runner adds the shared expert's."""
        return _computed(layer, layer.w13_weight, layer.w2_weight, x, topk_weights, topk_ids)


class OutriderCompressedTensorsMoEMethod(FusedMoEMethodBase):  # type: ignore[misc]
    """Int4 experts of a compressed-tensors checkpoint on a CPU, computed by our own kernel.

    The weights stay packed; an expert is dequantized when tokens come to it. vLLM's loader looks
    at the class's name: "CompressedTensors" must stay in it.
    """

    def __init__(self, moe_config: Any, weights: QuantizationArgs) -> None:
        super().__init__(moe_config)
        self._weights = weights

    def create_weights(
        self,
        layer: Any,
        num_experts: int,
        hidden_size: int,
        intermediate_size_per_partition: int,
        params_dtype: torch.dtype,
        **attributes: Any,
    ) -> None:
        """Room for what the checkpoint holds, by the names that vLLM's loader makes of its own."""
        attributes |= {"is_transposed": False, "quant_method": QuantizationStrategy.GROUP.value}
        half = intermediate_size_per_partition
        for name, rows, columns in (("w13", 2 * half, hidden_size), ("w2", hidden_size, half)):
            shapes = self._shapes(rows, columns, params_dtype)
            for part, (shape, dtype) in shapes.items():
                room = torch.nn.Parameter(
                    torch.zeros(num_experts, *shape, dtype=dtype), requires_grad=False
                )
                layer.register_parameter(f"{name}_weight_{part}", room)
                set_weight_attrs(room, attributes)

    def _shapes(
        self, rows: int, columns: int, scales: torch.dtype
    ) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        """Of one expert's matrix (rows, columns); see `int4.Int4Weights`."""
        group = self._weights.group_size
        if columns % group or columns % VALUES_PER_INT32 or rows % VALUES_PER_INT32:
            raise ValueError(
                f"Int4 experts of {rows} x {columns} are not in whole groups of {group} on each "
                "part: use fewer tensor-parallel parts, or a checkpoint with smaller groups."
            )
        shapes: dict[str, tuple[tuple[int, ...], torch.dtype]] = {
            "packed": ((rows, columns // VALUES_PER_INT32), torch.int32),
            "scale": ((rows, columns // group), scales),
            "shape": ((2,), torch.int64),
        }
        if not self._weights.symmetric:
            shapes["zero_point"] = ((rows // VALUES_PER_INT32, columns // group), torch.int32)
        return shapes

    def get_fused_moe_quant_config(self, layer: Any) -> None:
        """Of no use: it describes weights to vLLM's own kernels."""

    def apply(
        self,
        layer: Any,
        x: torch.Tensor,
        topk_weights: torch.Tensor,
        topk_ids: torch.Tensor,
        shared_experts: Any,
        shared_experts_input: torch.Tensor | None,
    ) -> torch.Tensor:
        """The routed experts' sum, (T, H); the runner adds the shared expert's."""
        w13, w2 = _int4(layer, "w13"), _int4(layer, "w2")
        return _computed(layer, w13, w2, x, topk_weights, topk_ids)


class OutriderRoutedExperts(RoutedExperts):  # type: ignore[misc]
    """vLLM's layer, asking us first who computes."""

    def _get_quant_method(self, prefix: str, quant_config: Any, moe_config: Any) -> Any:
        if current_platform.is_cpu() and _fits(moe_config):
            if quant_config is None:
                return OutriderMoEMethod(moe_config)
            if weights := _int4_scheme(quant_config, self, prefix):
                return OutriderCompressedTensorsMoEMethod(moe_config, weights)
        return super()._get_quant_method(prefix, quant_config, moe_config)


def _computed(
    layer: Any,
    w13: ExpertWeights,
    w2: ExpertWeights,
    x: torch.Tensor,
    topk_weights: torch.Tensor,
    topk_ids: torch.Tensor,
) -> torch.Tensor:
    return naive_moe(
        x,
        w13,
        w2,
        topk_weights,
        topk_ids,
        apply_router_weight_on_input=layer.apply_router_weight_on_input,
    )


def _int4(layer: Any, name: str) -> Int4Weights:
    return Int4Weights(
        getattr(layer, f"{name}_weight_packed"),
        getattr(layer, f"{name}_weight_scale"),
        getattr(layer, f"{name}_weight_zero_point", None),
    )


def _fits(moe_config: Any) -> bool:
    """Whether the naive kernel knows this layer: SwiGLU, no bias, all experts in one place."""
    return bool(
        moe_config.activation == MoEActivation.SILU
        and not moe_config.has_bias
        and not moe_config.moe_parallel_config.use_ep
    )


def _int4_scheme(quant_config: Any, layer: RoutedExperts, prefix: str) -> QuantizationArgs | None:
    """How the layer's weights are quantized, where that is W4A16 in groups; else None.

    A checkpoint names the experts' projections as linears of their own, so it is asked about them.
    """
    if quant_config.get_name() != "compressed-tensors":
        return None
    quant_config._add_fused_moe_to_target_scheme_map()
    names = (layer.ckpt_gate_proj_name, layer.ckpt_up_proj_name, layer.ckpt_down_proj_name)
    schemes = [quant_config.get_scheme_dict(layer, f"{prefix}.0.{name}") for name in names]
    first = schemes[0]
    if first is None or any(scheme != first for scheme in schemes):
        return None
    weights = first["weights"]
    return weights if _is_int4(weights) and _is_weights_alone(first) else None


def _is_weights_alone(scheme: dict[str, Any]) -> bool:
    return (
        scheme["format"] == CompressionFormat.pack_quantized.value
        and scheme.get("input_activations") is None
        and scheme.get("output_activations") is None
    )


def _is_int4(weights: QuantizationArgs) -> bool:
    return bool(
        weights.num_bits == 4
        and weights.type == QuantizationType.INT
        and weights.strategy == QuantizationStrategy.GROUP
        and not weights.dynamic
    )
