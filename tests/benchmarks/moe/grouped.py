"""Torch's grouped matmul, on weights that were dequantized before."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from inference.kernels.moe.int4 import VALUES_PER_INT32, Int4Weights
from inference.kernels.moe.routing import route
from tests.benchmarks.moe.absent import NotThere
from tests.benchmarks.moe.gated import gated
from tests.benchmarks.moe.weights import Weights


def ready(layer: Weights) -> Callable[..., Callable[[], torch.Tensor]]:
    product = _grouped_mm()
    whole = [_dequantized(one) for one in (layer.w13, layer.w2)]
    return partial(_call, product, *whole)


def _grouped_mm() -> Callable[..., torch.Tensor]:
    found: Any = getattr(torch.nn.functional, "grouped_mm", None)
    found = found or getattr(torch, "_grouped_mm", None)
    if found is None:
        raise NotThere(f"torch {torch.__version__} has no grouped_mm")
    return found


def _dequantized(weights: Int4Weights) -> torch.Tensor:
    """(E, K, N) in the scales' BF16, as the product wants it: a view of (E, N, K)."""
    experts, rows, words = weights.packed.shape
    whole = weights.scales.new_empty(experts, rows, words * VALUES_PER_INT32)
    for expert in range(experts):
        whole[expert] = weights[expert]
    return whole.transpose(1, 2)


def _call(
    product: Callable[..., torch.Tensor],
    w13: torch.Tensor,
    w2: torch.Tensor,
    x: torch.Tensor,
    weights: torch.Tensor,
    ids: torch.Tensor,
) -> Callable[[], torch.Tensor]:
    given = x.bfloat16()

    def call() -> torch.Tensor:
        routing = route(ids, len(w13))
        order, ends = routing.order.long(), routing.offsets[1 : len(w13) + 1]
        sorted_x = (given * weights.bfloat16())[order]
        sorted_out = product(gated(product(sorted_x, w13, offs=ends)), w2, offs=ends)
        return torch.empty_like(given).index_copy_(0, order, sorted_out)

    return call
