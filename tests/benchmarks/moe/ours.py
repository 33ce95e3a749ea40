"""Our kernels, in each of their formats.

All compute the same layer: a code less its zero is an FP8 number exactly, and BF16 rounds once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch

from inference.kernels.moe.int4 import VALUES_PER_INT32, Int4Weights
from inference.kernels.moe.layer import Experts, routed_experts
from inference.kernels.moe.tables import table_for
from inference.kernels.moe.tiles import (
    ExpertMatrix,
    fp8_matrix,
    int4_matrix_from_packed,
    plain_matrix,
)
from inference.kernels.moe.tiling import Tiling, tiling_for
from tests.benchmarks.moe.weights import Weights, codes


def ready(
    form: str, tuned: Path | None, layer: Weights
) -> Callable[..., Callable[[], torch.Tensor]]:
    """`tuned`: where `outrider kernels tune` wrote its tables, else the shipped ones."""
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    experts = Experts(
        _tiles(form, layer.w13, pairs=True), _tiles(form, layer.w2, pairs=False), layer.shape.inner
    )
    return partial(_call, experts, table_for(card, tuned))


def _call(
    experts: Experts,
    table: Sequence[Tiling],
    x: torch.Tensor,
    weights: torch.Tensor,
    ids: torch.Tensor,
) -> Callable[[], torch.Tensor]:
    return partial(routed_experts, x, experts, weights, ids, tiling_for(len(x), table))


def _tiles(form: str, weights: Int4Weights, *, pairs: bool) -> ExpertMatrix:
    if form == "int4":
        return int4_matrix_from_packed(weights, pairs=pairs)
    experts, rows, words = weights.packed.shape
    dtype = torch.float8_e4m3fn if form == "fp8" else weights.scales.dtype
    whole = torch.empty(
        experts, rows, words * VALUES_PER_INT32, dtype=dtype, device=weights.packed.device
    )
    for expert in range(experts):  # the codes of all at once would need eight times their bytes
        whole[expert] = codes(weights, expert)[0].to(dtype) if form == "fp8" else weights[expert]
    if form == "fp8":
        return fp8_matrix(whole, weights.scales, pairs=pairs)
    return plain_matrix(whole, pairs=pairs)
