"""Our method inside vLLM's mixture-of-experts layer. Only `plugin.register` imports this.

`RoutedExperts` is vLLM's container of a layer's expert weights; it asks `_get_quant_method` who
computes. We stand in its place and answer with our method where we have one for the format and
the device, else with vLLM's own.
"""

from __future__ import annotations

from typing import Any

import torch
from vllm.model_executor.layers.fused_moe.activation import MoEActivation
from vllm.model_executor.layers.fused_moe.routed_experts import RoutedExperts
from vllm.model_executor.layers.fused_moe.unquantized_fused_moe_method import (
    UnquantizedFusedMoEMethod,
)
from vllm.platforms import current_platform

from inference.kernels.moe.naive import naive_moe


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
        return naive_moe(
            x,
            layer.w13_weight,
            layer.w2_weight,
            topk_weights,
            topk_ids,
            apply_router_weight_on_input=layer.apply_router_weight_on_input,
        )


class OutriderRoutedExperts(RoutedExperts):  # type: ignore[misc]
    """vLLM's layer, asking us first who computes."""

    def _get_quant_method(self, prefix: str, quant_config: Any, moe_config: Any) -> Any:
        if quant_config is None and current_platform.is_cpu() and _fits(moe_config):
            return OutriderMoEMethod(moe_config)
        return super()._get_quant_method(prefix, quant_config, moe_config)


def _fits(moe_config: Any) -> bool:
    """Whether the naive kernel knows this layer: SwiGLU, no bias, all experts in one place."""
    return bool(
        moe_config.activation == MoEActivation.SILU
        and not moe_config.has_bias
        and not moe_config.moe_parallel_config.use_ep
    )
