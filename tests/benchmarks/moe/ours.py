"""Our kernels, in each of their formats.

All compute the same layer: a code less its zero is an FP8 number exactly, and BF16 rounds once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from inference.kernels.moe.int4 import MIDDLE, Int4Weights
from inference.kernels.moe.layer import Experts, routed_experts
from inference.kernels.moe.tiles import (
    ExpertMatrix,
    fp8_matrix,
    int4_matrix,
    interleaved,
    plain_matrix,
)
from tests.benchmarks.moe.weights import Weights, codes


def ready(form: str, layer: Weights) -> Callable[..., Callable[[], torch.Tensor]]:
    experts = Experts(
        _tiles(form, layer.w13, gate_up=True), _tiles(form, layer.w2), layer.shape.inner
    )
    return partial(_call, experts)


def _call(
    experts: Experts, x: torch.Tensor, weights: torch.Tensor, ids: torch.Tensor
) -> Callable[[], torch.Tensor]:
    return partial(routed_experts, x, experts, weights, ids)


def _tiles(form: str, weights: Int4Weights, *, gate_up: bool = False) -> ExpertMatrix:
    """An expert at a time: the codes of all at once would need eight times their bytes."""
    first = _one(form, weights, 0, gate_up)
    tiles, scales = (
        None if part is None else part.new_empty(len(weights), *part.shape[1:])
        for part in (first.tiles, first.scales)
    )
    assert tiles is not None
    for expert in range(len(weights)):
        one = _one(form, weights, expert, gate_up)
        tiles[expert] = one.tiles[0]
        if scales is not None and one.scales is not None:
            scales[expert] = one.scales[0]
    return replace(first, tiles=tiles, scales=scales)


def _one(form: str, weights: Int4Weights, expert: int, gate_up: bool) -> ExpertMatrix:
    rows = interleaved if gate_up else lambda whole: whole
    values, scales = rows(codes(weights, expert)), rows(weights.scales[expert : expert + 1])
    if form == "int4":
        return int4_matrix(values + MIDDLE, scales)
    if form == "fp8":
        return fp8_matrix(values.to(torch.float8_e4m3fn), scales)
    return plain_matrix(rows(weights[expert].unsqueeze(0)))
