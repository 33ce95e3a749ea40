"""Our layer in place of vLLM's `RoutedExperts`. Only `plugin.register` imports this.

`RoutedExperts` is vLLM's container of a layer's expert weights; it asks `_get_quant_method` who
computes. We stand in its place and answer with our method where we have one for the format and
the device, else with vLLM's own, whose input we weight. That one place serves every format: it is
asked before vLLM chooses a backend, which for int4 on most CPUs it would refuse to.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import torch
from vllm.model_executor.layers.fused_moe.routed_experts import RoutedExperts
from vllm.platforms import current_platform

from inference.moe.choice import Choice, Device, choose
from inference.moe.methods import OutriderCompressedTensorsMoEMethod, OutriderMoEMethod
from inference.vllm_engine.plugin import KERNEL_TABLES, asked_path


class OutriderRoutedExperts(RoutedExperts):  # type: ignore[misc]
    """`choice` says who computes, `calls` (1,) int64 on the device how often they did."""

    choice: Choice
    calls: torch.Tensor
    apply_router_weight_on_input: bool

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        # vLLM's own method gets inputs that are weighted, and weights of one: right by
        # construction, whatever its kernels do with them. One that routes by itself gets neither.
        self._weights_here = (
            self.choice.format is None
            and self.apply_router_weight_on_input
            and self.top_k == 1
            and not self.quant_method.is_monolithic
        )
        if self._weights_here:
            self.apply_router_weight_on_input = False

    def _get_quant_method(self, prefix: str, quant_config: Any, moe_config: Any) -> Any:
        self.calls = torch.zeros(1, dtype=torch.int64)  # where the model is being built
        self.choice = choose(asked_path(), this_device(), self, quant_config, moe_config, prefix)
        if self.choice.format is None:
            return self._method_of_vllm(prefix, quant_config, moe_config)
        method = OutriderMoEMethod if quant_config is None else OutriderCompressedTensorsMoEMethod
        tables = os.environ.get(KERNEL_TABLES, "")
        return method(moe_config, self.choice.format, tiles=self.choice.tiles, tables=tables)

    def _method_of_vllm(self, prefix: str, quant_config: Any, moe_config: Any) -> Any:
        if self.choice.path == "triton":
            moe_config.moe_backend = "triton"
            try:
                return super()._get_quant_method(prefix, quant_config, moe_config)
            except (ValueError, NotImplementedError) as error:
                if not self.choice.reason:  # it was asked for
                    raise
                reason = f"{self.choice.reason}, and vLLM's Triton experts can't either: {error}"
                self.choice = replace(self.choice, path="stock", reason=reason)
                moe_config.moe_backend = "auto"
        return super()._get_quant_method(prefix, quant_config, moe_config)

    def forward_modular(
        self,
        x: torch.Tensor,
        topk_weights: torch.Tensor,
        topk_ids: torch.Tensor,
        *shared: Any,
        **named: Any,
    ) -> Any:
        if self.choice.format is None:
            self.calls.add_(1)
        if self._weights_here:
            x = x * topk_weights.to(x.dtype)
            topk_weights = torch.ones_like(topk_weights)
        return super().forward_modular(x, topk_weights, topk_ids, *shared, **named)

    def forward_monolithic(self, *given: Any, **named: Any) -> Any:
        self.calls.add_(1)
        return super().forward_monolithic(*given, **named)


def this_device() -> Device:
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    return Device(not current_platform.is_cpu(), current_platform.is_cuda() or interpreted)
