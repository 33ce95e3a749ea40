"""The first half of an expert: gate and up projection, the router's weight, and SwiGLU."""

from __future__ import annotations

import triton
import triton.language as tl

from inference.kernels.moe.product import expert_tile, product


@triton.jit
def gate_up_kernel(
    x,  # [T, H]
    weights,  # [T], the router's
    order,  # [T]
    offsets,  # [E + 1]
    tiles,  # rows interleaved, see tiles.interleaved
    scales,
    zeros,
    act,  # [T, I], in the order of the experts
    stride_x,
    columns,  # H
    inner,  # I
    experts,
    row_tiles,
    groups,
    E: tl.constexpr,
    FORMAT: tl.constexpr,
    HAS_ZEROS: tl.constexpr,
    ROWS: tl.constexpr,
    TOKENS: tl.constexpr,
    EVEN: tl.constexpr,
):
    """act[i] = silu(s·g) * (s·u),  g, u = w13[e] · x[order[i]],  s the router's weight.

    The weight is applied to the sums in fp32: the same as on the input, with one rounding less.
    """
    expert, first, count = expert_tile(offsets, tl.program_id(0), E, experts, TOKENS)
    if count > 0:
        row_block = tl.program_id(1)
        slots = tl.arange(0, TOKENS)
        live = slots < count
        token = tl.load(order + first + slots, mask=live, other=0)
        acc = product(
            x,
            token.to(tl.int64),
            live,
            stride_x,
            columns,
            tiles,
            scales,
            zeros,
            expert,
            row_block,
            0,
            groups,
            row_tiles,
            groups,
            FORMAT,
            HAS_ZEROS,
            ROWS,
            TOKENS,
            EVEN,
        )
        weight = tl.load(weights + token, mask=live, other=0.0).to(tl.float32)
        acc = acc * weight[None, :]
        # [tile, gate or up, 32, TOKENS] -> [ROWS / 2, TOKENS] each
        parts = tl.reshape(acc, (ROWS // 64, 2, 32, TOKENS))
        parts = tl.permute(parts, (0, 2, 3, 1))
        gate, up = tl.split(tl.reshape(parts, (ROWS // 2, TOKENS, 2)))
        gated = gate * tl.sigmoid(gate) * up
        column = row_block * (ROWS // 2) + tl.arange(0, ROWS // 2)
        there = (column < inner)[:, None] & live[None, :]
        place = (first + slots).to(tl.int64)[None, :] * inner + column[:, None]
        tl.store(act + place, gated.to(act.dtype.element_ty), mask=there)
