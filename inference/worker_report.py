"""What a worker of vLLM's says of itself, by RPC: its memory, and who computes its experts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

WORKER = "inference.vllm_worker.ReportingWorker"


class WorkerReport:
    """A part of `vllm_worker.ReportingWorker`, which has vLLM's `model_runner`."""

    model_runner: Any

    def outrider_memory(self) -> dict[str, int]:
        """Bytes of this worker's weights (tables that it makes included) and of its KV cache."""
        model = self.model_runner.get_model()
        layers = self.model_runner.compilation_config.static_forward_context.values()
        return {
            "weights_bytes": _stored((*model.parameters(), *model.buffers()))
            + sum(_packed_away(module) for module in model.modules()),
            "cache_bytes": _stored(_caches(layers)),
        }

    def outrider_experts(self) -> list[dict[str, Any]]:
        """Of each layer of experts the fields of `moe_proof.ExpertLayer`."""
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
        from vllm.model_executor.layers.fused_moe.routed_experts import RoutedExperts

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


def _packed_away(module: Any) -> int:
    """On a CPU a linear layer's weight goes into its kernel's own memory; an empty one is left."""
    weight = getattr(module, "weight", None)
    if weight is None or weight.numel() or not hasattr(module, "output_size"):
        return 0
    rows = getattr(module, "output_size_per_partition", module.output_size)
    columns = getattr(module, "input_size_per_partition", module.input_size)
    return int(rows * columns * weight.element_size())


def _caches(layers: Iterable[Any]) -> Iterator[Any]:
    for layer in layers:
        cache = getattr(layer, "kv_cache", None)
        yield from (
            cache if isinstance(cache, list | tuple) else [cache] if cache is not None else []
        )


def _stored(tensors: Iterable[Any]) -> int:
    """Each memory once: several tensors may be views of one."""
    storages = (tensor.untyped_storage() for tensor in tensors)
    return sum({one.data_ptr(): one.nbytes() for one in storages}.values())
