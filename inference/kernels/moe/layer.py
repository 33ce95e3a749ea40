"""The routed experts of one layer, by our kernels."""

from __future__ import annotations

from collections.abc import Callable
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
    *,
    calls: torch.Tensor | None = None,
) -> torch.Tensor:
    """Each token through its one expert, the router's weight on the expert's input, once.

    Computes:  out[t] = w2[e] · (silu(g) * u),  g, u = split(w13[e] · (s[t] * x[t])); zeros where
               e is outside [0, E): an expert of another rank
    Args:      x: (T, H) bf16, fp16 or fp32, rows contiguous; topk_weights: (T, 1) float;
               topk_ids: (T, 1) integer, both contiguous; tiling: None for the default one
               calls: (1,) int64 on x's device; grows by 1 each time the layer is computed, also
               when a CUDA graph replays it, and not for T = 0
    Returns:   (T, H), dtype of x, accumulated in fp32
    Cost:      6 · T · H · I FLOPs; the tiles of each distinct expert are read once per tile of
               tokens, mostly from the second-level cache after the first
    Numerics:  the activation between the two halves is rounded to the dtype of x
    """
    out = torch.empty_like(x)
    if x.shape[0] == 0:
        return out
    chosen = tiling or tiling_for(x.shape[0])
    tokens = _Tokens(topk_ids, _routing(topk_ids, experts, chosen))
    downs = _parts(tokens, experts.w2, chosen.down, torch.empty)  # gate_up makes them zero
    act = _gate_up(x, experts, topk_weights, tokens, chosen, downs.arrived, calls)
    _down(act, experts.w2, tokens, out, chosen, downs)
    return out


def token_tiles(tokens: int, experts: int, cut: Cut) -> int:
    """How many tiles there can be at most, known without looking at the routing. Tokens without
    an expert here have tiles as well, in which zeros are written."""
    return min(tokens, tokens // cut.tokens + min(experts + 1, tokens))


@dataclass(frozen=True, slots=True)
class _Tokens:
    """`routing` is None where each program finds its tokens in `ids` itself."""

    ids: torch.Tensor
    routing: Routing | None

    @property
    def count(self) -> int:
        return int(self.ids.shape[0])

    @property
    def arrays(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Ids, order, offsets; what is missing is never read."""
        if self.routing is None:
            return self.ids, self.ids, self.ids
        return self.ids, self.routing.order, self.routing.offsets

    def tiles(self, experts: int, cut: Cut) -> int:
        return self.count if self.routing is None else token_tiles(self.count, experts, cut)


def _routing(topk_ids: torch.Tensor, experts: Experts, tiling: Tiling) -> Routing | None:
    if tiling.routes_directly(topk_ids.shape[0]):
        return None
    return route(topk_ids, experts.w13.experts)


def _blocks(matrix: ExpertMatrix, cut: Cut) -> int:
    return -(-matrix.padded_rows // cut.rows)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Of sums that several programs share: `sums` (splits, T, rows) fp32, and how many of each have
    `arrived`. Both are of this launch alone, so one that was broken off leaves nothing behind."""

    sums: torch.Tensor
    arrived: torch.Tensor


def _parts(
    tokens: _Tokens, matrix: ExpertMatrix, cut: Cut, counters: Callable[..., torch.Tensor]
) -> _Parts:
    """`counters` makes what counts: torch.zeros costs a launch. Where nothing is split, neither is
    ever read."""
    device, blocks = tokens.ids.device, _blocks(matrix, cut)
    shape = (cut.splits, tokens.count, blocks * cut.rows) if cut.splits > 1 else (0,)
    size = tokens.tiles(matrix.experts, cut) * blocks if cut.splits > 1 else 0
    return _Parts(
        torch.empty(shape, dtype=torch.float32, device=device),
        counters(size, dtype=torch.int32, device=device),
    )


def _gate_up(
    x: torch.Tensor,
    experts: Experts,
    weights: torch.Tensor,
    tokens: _Tokens,
    tiling: Tiling,
    downs_arrived: torch.Tensor,
    calls: torch.Tensor | None,
) -> torch.Tensor:
    matrix, cut = experts.w13, tiling.gate_up
    make = torch.zeros if cut.splits > 1 else torch.empty
    parts = _parts(tokens, matrix, cut, make)
    act = torch.empty(x.shape[0], experts.inner, dtype=x.dtype, device=x.device)
    gate_up_kernel[(tokens.tiles(matrix.experts, cut), _blocks(matrix, cut), cut.splits)](
        x,
        weights,
        *tokens.arrays,
        *_arrays(matrix),
        act,
        parts.sums,
        parts.arrived,
        downs_arrived,
        tokens.ids if calls is None else calls,
        tokens.count,
        downs_arrived.numel(),
        x.stride(0),
        matrix.columns,
        experts.inner,
        matrix.experts,
        matrix.padded_rows // TILE_ROWS,
        matrix.groups,
        HAS_CALLS=calls is not None,
        **_constants(matrix, cut, tokens, tiling),
    )
    return act


def _down(
    act: torch.Tensor,
    matrix: ExpertMatrix,
    tokens: _Tokens,
    out: torch.Tensor,
    tiling: Tiling,
    parts: _Parts,
) -> None:
    cut = tiling.down
    down_kernel[(tokens.tiles(matrix.experts, cut), _blocks(matrix, cut), cut.splits)](
        act,
        *tokens.arrays,
        *_arrays(matrix),
        out,
        parts.sums,
        parts.arrived,
        tokens.count,
        matrix.columns,
        out.shape[1],
        matrix.experts,
        matrix.padded_rows // TILE_ROWS,
        matrix.groups,
        **_constants(matrix, cut, tokens, tiling),
    )


def _arrays(matrix: ExpertMatrix) -> tuple[torch.Tensor, ...]:
    """Tiles, scales, zeros; what is missing is never read."""
    nothing = matrix.tiles
    scales = nothing if matrix.scales is None else matrix.scales
    return matrix.tiles, scales, nothing if matrix.zeros is None else matrix.zeros


def _constants(
    matrix: ExpertMatrix, cut: Cut, tokens: _Tokens, tiling: Tiling
) -> dict[str, object]:
    overlap = tiling.overlap and tokens.ids.is_cuda
    constants: dict[str, object] = {
        "E": triton.next_power_of_2(matrix.experts + 1),
        "FORMAT": matrix.format,
        "HAS_ZEROS": matrix.zeros is not None,
        "ROWS": cut.rows,
        "TOKENS": cut.tokens,
        "EVEN": matrix.columns % 128 == 0,
        "SPLITS": cut.splits,
        "DIRECT": tokens.routing is None,
        "OVERLAP": overlap,
        "num_warps": cut.warps,
        "num_stages": cut.stages,
    }
    return constants | ({"launch_pdl": True} if overlap else {})
