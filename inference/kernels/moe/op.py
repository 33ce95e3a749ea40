"""The custom op `outrider::routed_experts`: a layer's routed experts as one node of a graph.

torch.compile and CUDA graphs see a call whose result has the shape of x, and look no further.
Importing this module defines the op.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from inference.kernels.moe.fp8 import Fp8Weights
from inference.kernels.moe.int4 import Int4Weights
from inference.kernels.moe.naive import ExpertWeights, naive_moe
from inference.kernels.moe.tiles import ExpertMatrix
from inference.kernels.moe.tiling import Tiling, tiling_for

if TYPE_CHECKING:  # Triton, which not every CPU's environment has
    from inference.kernels.moe.layer import Experts

_LIBRARY = torch.library.Library("outrider", "DEF")
_SIZES_OF_TILES = 5


@dataclass(frozen=True, slots=True)
class LoadedExperts:
    """As a checkpoint holds them: `w13` (E, 2I, H), the gate's rows first; `w2` (E, H, I)."""

    w13: ExpertWeights
    w2: ExpertWeights


@dataclass(frozen=True, slots=True)
class Operands:
    """Experts in the few types that an op may take.

    `format` says what the tensors are; `sizes` is, for tiles, rows and columns of w13, those of w2,
    and I; for FP8 as loaded the block's edges, if any; else empty.
    """

    w13: list[torch.Tensor]
    w2: list[torch.Tensor]
    format: str
    sizes: list[int]


def operands(experts: Experts | LoadedExperts) -> Operands:
    if isinstance(experts, LoadedExperts):
        loaded = _of_weights(experts.w13), _of_weights(experts.w2)
        return Operands(*loaded, _format(experts.w13), _block(experts.w13))
    w13, w2 = experts.w13, experts.w2
    sizes = [w13.rows, w13.columns, w2.rows, w2.columns, experts.inner]
    return Operands(_of_tiles(w13), _of_tiles(w2), w13.format, sizes)


def apply(
    x: torch.Tensor,
    experts: Operands,
    topk_weights: torch.Tensor,
    topk_ids: torch.Tensor,
    calls: torch.Tensor,
    *,
    weight_on_input: bool = True,
    tables: str = "",
) -> torch.Tensor:
    """Each token through its experts, the router's weight multiplied in once.

    Computes:  see `layer.routed_experts` for tiles, `naive.naive_moe` for weights as loaded
    Args:      x: (T, H); topk_weights: (T, K) float; topk_ids: (T, K) integer, -1 for an expert of
               another rank, which gives zeros; K is 1 for tiles
               calls: (1,) int64 on the device of x, one higher after each time
               weight_on_input: False, the weight is on the output; for weights as loaded alone
               tables: the folder with this card's tuned table; "" for those that are shipped
    Returns:   (T, H), dtype of x
    """
    out: torch.Tensor = torch.ops.outrider.routed_experts(
        x,
        topk_weights,
        topk_ids,
        calls,
        experts.w13,
        experts.w2,
        experts.format,
        experts.sizes,
        weight_on_input,
        tables,
    )
    return out


@functools.cache  # asked at each layer of each step; a file is read once
def tilings(device: torch.device, tables: str) -> Sequence[Tiling]:
    """The table that the op uses there."""
    from inference.kernels.moe.tables import table_for

    card = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return table_for(card, Path(tables) if tables else None)


def _compute(
    x: torch.Tensor,
    topk_weights: torch.Tensor,
    topk_ids: torch.Tensor,
    calls: torch.Tensor,
    w13: list[torch.Tensor],
    w2: list[torch.Tensor],
    format: str,
    sizes: list[int],
    weight_on_input: bool,
    tables: str,
) -> torch.Tensor:
    if len(sizes) == _SIZES_OF_TILES:
        from inference.kernels.moe.layer import Experts, routed_experts

        experts = Experts(_tiles(w13, format, sizes[:2]), _tiles(w2, format, sizes[2:4]), sizes[4])
        return routed_experts(
            x if x.stride(1) == 1 else x.contiguous(),
            experts,
            topk_weights.contiguous(),
            topk_ids.contiguous(),
            tiling_for(x.shape[0], tilings(x.device, tables)),
            calls=calls,
        )
    calls.add_(1)
    # FP8 in the dtype of its scales, which a rounding to that of x would change.
    exact = x.float() if format == "fp8" else x
    return naive_moe(
        exact,
        _weights(w13, format, sizes),
        _weights(w2, format, sizes),
        topk_weights,
        topk_ids,
        apply_router_weight_on_input=weight_on_input,
    ).to(x.dtype)


def _shape_only(x: torch.Tensor, *others: object) -> torch.Tensor:
    return torch.empty_like(x)


_LIBRARY.define(
    "routed_experts(Tensor x, Tensor topk_weights, Tensor topk_ids, Tensor(a!) calls, "
    "Tensor[] w13, Tensor[] w2, str format, int[] sizes, bool weight_on_input, str tables) "
    "-> Tensor",
    tags=(torch.Tag.needs_fixed_stride_order,),
)
# One function for both: what it is given decides. Tiles on a CPU are for Triton's interpreter.
_LIBRARY.impl("routed_experts", _compute, "CPU")
_LIBRARY.impl("routed_experts", _compute, "CUDA")
torch.library.register_fake("outrider::routed_experts", _shape_only, lib=_LIBRARY)


def _of_tiles(matrix: ExpertMatrix) -> list[torch.Tensor]:
    parts = (matrix.tiles, matrix.scales, matrix.zeros)
    return [part for part in parts if part is not None]


def _tiles(parts: list[torch.Tensor], format: str, sizes: list[int]) -> ExpertMatrix:
    tiles, scales, zeros = (*parts, None, None)[:3]
    return ExpertMatrix(tiles, scales, zeros, format, *sizes)  # type: ignore[arg-type]


def _format(weights: ExpertWeights) -> str:
    if isinstance(weights, Int4Weights):
        return "int4"
    return "fp8" if isinstance(weights, Fp8Weights) else "plain"


def _block(weights: ExpertWeights) -> list[int]:
    return list(weights.block or ()) if isinstance(weights, Fp8Weights) else []


def _of_weights(weights: ExpertWeights) -> list[torch.Tensor]:
    if isinstance(weights, Fp8Weights):
        return [weights.values, weights.scales.float()]
    if isinstance(weights, Int4Weights):
        parts = (weights.packed, weights.scales, weights.zero_points)
        return [part for part in parts if part is not None]
    return [weights]


def _weights(parts: list[torch.Tensor], format: str, sizes: list[int]) -> ExpertWeights:
    if format == "int4":
        return Int4Weights(*parts)
    if format == "fp8":
        values, scales = parts
        return Fp8Weights(values, scales, (sizes[0], sizes[1]) if sizes else None)
    return parts[0]
