"""The first half of an expert: gate and up projection, the router's weight, and SwiGLU."""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from inference.kernels.moe.product import parts_summed, product, tile_of_tokens


@triton.jit(do_not_specialize=["tokens", "counters", "experts"])
def gate_up_kernel(
    x,  # [T, H]
    weights,  # [T], the router's
    ids,  # [T]; read where DIRECT
    order,  # [T]; read where not
    offsets,  # [E + 2]; likewise
    tiles,  # rows interleaved, see tiles.interleaved
    scales,
    zeros,
    act,  # [T, I], where DIRECT in the order of the tokens, else in that of the experts
    partial,  # [SPLITS, T, row blocks * ROWS] fp32; unused where SPLITS is 1
    arrived,  # [tiles of tokens, row blocks] int32, zero before; likewise
    downs_arrived,  # [counters] int32: made zero for the down projection
    calls,  # [1] int64: grows by 1, where HAS_CALLS
    tokens,
    counters,
    stride_x,
    columns,  # H
    inner,  # I
    experts,
    row_tiles,
    groups,
    E: tl.constexpr,
    FORMAT: tl.constexpr,
    HAS_ZEROS: tl.constexpr,
    HAS_CALLS: tl.constexpr,
    ROWS: tl.constexpr,
    TOKENS: tl.constexpr,
    EVEN: tl.constexpr,
    SPLITS: tl.constexpr,
    DIRECT: tl.constexpr,
    OVERLAP: tl.constexpr,
):
    """A block of rows for a tile of tokens; with one token there are few of them for a card's
    multiprocessors, so the sum over H can be shared by SPLITS programs.

    Computes:  act[t] = silu(s·g) * (s·u),  g, u = w13[e] · x[t],  s the router's weight
    Args:      see above; grid (tiles of tokens, blocks of ROWS rows, SPLITS)
    Returns:   act, in its dtype; rows of tokens without an expert here are left as they are
    Cost:      4 · T · H · I FLOPs; 2 · H · I weights read for each tile of tokens
    Numerics:  summed in fp32. The weight is applied to the sums: the same as on the input, with
               one rounding less.
    """
    if OVERLAP:
        gdc_wait()
        gdc_launch_dependents()
    row_block, split = tl.program_id(1), tl.program_id(2)
    share = (groups + SPLITS - 1) // SPLITS
    begin = split * share
    if tl.program_id(0) + row_block + split == 0:
        for start in range(0, counters, 128):
            counter = start + tl.arange(0, 128)
            tl.store(downs_arrived + counter, 0, mask=counter < counters)
        if HAS_CALLS:
            tl.atomic_add(calls, 1)
    found, expert, token, place, live = tile_of_tokens(
        ids, order, offsets, tokens, tl.program_id(0), experts, E, TOKENS, DIRECT
    )
    if found & (expert < experts):
        acc = product(
            x,
            token,
            live,
            stride_x,
            columns,
            tiles,
            scales,
            zeros,
            expert,
            row_block,
            begin,
            tl.minimum(begin + share, groups),
            row_tiles,
            groups,
            FORMAT,
            HAS_ZEROS,
            ROWS,
            TOKENS,
            EVEN,
        )
        last = True
        if SPLITS > 1:
            row = row_block * ROWS + tl.arange(0, ROWS)
            counter = arrived + tl.program_id(0) * tl.num_programs(1) + row_block
            last, acc = parts_summed(
                acc, partial, place, row, live, tokens, split, counter, ROWS, SPLITS
            )
        if last:
            weight = tl.load(weights + token, mask=live, other=0.0).to(tl.float32)
            acc = acc * weight[None, :]
            # [tile, gate or up, 32, TOKENS] -> [ROWS / 2, TOKENS] each
            parts = tl.reshape(acc, (ROWS // 64, 2, 32, TOKENS))
            parts = tl.permute(parts, (0, 2, 3, 1))
            gate, up = tl.split(tl.reshape(parts, (ROWS // 2, TOKENS, 2)))
            gated = gate * tl.sigmoid(gate) * up
            column = row_block * (ROWS // 2) + tl.arange(0, ROWS // 2)
            there = (column < inner)[:, None] & live[None, :]
            at = place[None, :] * inner + column[:, None]
            tl.store(act + at, gated.to(act.dtype.element_ty), mask=there)
