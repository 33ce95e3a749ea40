"""What a worker of vLLM's says of its layers of experts, by RPC: a part of our worker class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from vllm.model_executor.layers.fused_moe.routed_experts import RoutedExperts


class ExpertsReport:
    """A part of `vllm_engine.worker.ReportingWorker`, which has vLLM's `model_runner`."""

    model_runner: Any

    def outrider_experts(self) -> list[dict[str, Any]]:
        """Of each layer of experts the fields of `moe.proof.ExpertLayer`."""
        return [_described(layer) for layer in self._expert_layers()]

    def forget_expert_calls(self) -> None:
        """Count from here: what vLLM itself tried out while it started proves nothing."""
        for layer in self._expert_layers():
            if (calls := getattr(layer, "calls", None)) is not None:
                calls.zero_()

    def warm_up_experts(self, most_tokens: int) -> None:
        """Our kernels, on a GPU: one layer for all, which differ in nothing that is compiled."""
        for layer in self._expert_layers():
            choice = getattr(layer, "choice", None)
            if choice is not None and choice.tiles and layer.calls.is_cuda:
                layer.quant_method.warm_up(layer, most_tokens)
                return

    def _expert_layers(self) -> Iterator[Any]:
        modules = self.model_runner.get_model().modules()
        return (module for module in modules if isinstance(module, RoutedExperts))


def _described(layer: Any) -> dict[str, Any]:
    """vLLM's own layer has no choice to tell of: its path is ""."""
    choice, calls = getattr(layer, "choice", None), getattr(layer, "calls", None)
    repacking = getattr(layer.quant_method, "repacking", None)
    return {
        "name": layer.layer_name,
        "method": type(layer.quant_method).__name__,
        "path": "" if choice is None else choice.path,
        "tiles": choice is not None and choice.tiles,
        "reason": "" if choice is None else choice.reason,
        "calls": 0 if calls is None else int(calls),
        **({} if repacking is None else asdict(repacking)),
    }
