"""What a worker of vLLM's says of its memory, by RPC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

WORKER = "inference.vllm_engine.worker.ReportingWorker"


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
