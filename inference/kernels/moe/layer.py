"""The routed experts of one layer, by our kernels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton

from inference.kernels.moe.down import down_kernel
from inference.kernels.moe.gate_up import gate_up_kernel
from inference.kernels.moe.routing import Routing, route
from inference.kernels.moe.tiles import TILE_ROWS, ExpertMatrix
from inference.kernels.moe.tiling import Cut, Tiling, tiling_for


@dataclass(frozen=True, slots=True)
class Experts:
    """`w13`: (2I, H), rows interleaved (`tiles.interleaved`); `w2`: (H, I). `inner` is I."""

    w13: ExpertMatrix
    w2: ExpertMatrix
    inner: int


def routed_experts(
    x: torch.Tensor,
    experts: Experts,
    topk_weights: torch.Tensor,
    topk_ids: torch.Tensor,
    tiling: Tiling | None = None,
) -> torch.Tensor:
    """Each token through its one expert, the router's weight on the expert's input, once.

    Computes:  out[t] = w2[e] · (silu(g) * u),  g, u = split(w13[e] · (s[t] * x[t]))
    Args:      x: (T, H) bf16, fp16 or fp32, rows contiguous; topk_weights, topk_ids: (T, 1)
    Returns:   (T, H), dtype of x, accumulated in fp32
    Cost:      6 · T · H · I FLOPs; the tiles of each distinct expert are read once per tile of
               tokens, mostly from the second-level cache after the first
    Numerics:  the activation between the two halves is rounded to the dtype of x
    """
    tokens = x.shape[0]
    out = torch.empty_like(x)
    if tokens == 0:
        return out
    chosen = tiling or tiling_for(tokens)
    routing = route(topk_ids, experts.w13.experts)
    act = _gate_up(x, experts, topk_weights, routing, chosen.gate_up)
    _down(act, experts.w2, routing, out, chosen.down)
    return out


def token_tiles(tokens: int, experts: int, cut: Cut) -> int:
    """How many tiles there can be at most, known without looking at the routing."""
    return min(tokens, tokens // cut.tokens + min(experts, tokens))


def _gate_up(
    x: torch.Tensor, experts: Experts, weights: torch.Tensor, routing: Routing, cut: Cut
) -> torch.Tensor:
    matrix = experts.w13
    act = torch.empty(x.shape[0], experts.inner, dtype=x.dtype, device=x.device)
    grid = (token_tiles(x.shape[0], matrix.experts, cut), -(-matrix.padded_rows // cut.rows))
    gate_up_kernel[grid](
        x,
        weights,
        routing.order,
        routing.offsets,
        *_arrays(matrix),
        act,
        x.stride(0),
        matrix.columns,
        experts.inner,
        matrix.experts,
        matrix.padded_rows // TILE_ROWS,
        matrix.groups,
        **_constants(matrix, cut),
    )
    return act


def _down(
    act: torch.Tensor, matrix: ExpertMatrix, routing: Routing, out: torch.Tensor, cut: Cut
) -> None:
    tokens, hidden = out.shape
    tiles, blocks = token_tiles(tokens, matrix.experts, cut), -(-matrix.padded_rows // cut.rows)
    shape = (cut.splits, tokens, hidden) if cut.splits > 1 else (1,)
    partial = torch.empty(shape, dtype=torch.float32, device=out.device)
    counters = tiles * blocks if cut.splits > 1 else 1
    arrived = torch.zeros(counters, dtype=torch.int32, device=out.device)
    down_kernel[(tiles, blocks, cut.splits)](
        act,
        routing.order,
        routing.offsets,
        *_arrays(matrix),
        out,
        partial,
        arrived,
        tokens,
        matrix.columns,
        hidden,
        matrix.experts,
        matrix.padded_rows // TILE_ROWS,
        matrix.groups,
        SPLITS=cut.splits,
        **_constants(matrix, cut),
    )


def _arrays(matrix: ExpertMatrix) -> tuple[torch.Tensor, ...]:
    """Tiles, scales, zeros; what is missing is never read."""
    nothing = matrix.tiles
    scales = nothing if matrix.scales is None else matrix.scales
    return matrix.tiles, scales, nothing if matrix.zeros is None else matrix.zeros


def _constants(matrix: ExpertMatrix, cut: Cut) -> dict[str, object]:
    return {
        "E": triton.next_power_of_2(matrix.experts),
        "FORMAT": matrix.format,
        "HAS_ZEROS": matrix.zeros is not None,
        "ROWS": cut.rows,
        "TOKENS": cut.tokens,
        "EVEN": matrix.columns % 128 == 0,
        "num_warps": cut.warps,
        "num_stages": cut.stages,
    }
