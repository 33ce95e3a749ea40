"""The second half of an expert: the down projection, each token's row put back in its place."""

from __future__ import annotations

import triton
import triton.language as tl

from inference.kernels.moe.product import expert_tile, product


@triton.jit
def down_kernel(
    act,  # [T, I], in the order of the experts
    order,  # [T]
    offsets,  # [E + 1]
    tiles,
    scales,
    zeros,
    out,  # [T, H]
    partial,  # [SPLITS, T, H] fp32; unused where SPLITS is 1
    arrived,  # [tiles of tokens, row blocks] int32, zero before and after; likewise
    tokens,
    inner,  # I
    hidden,  # H
    experts,
    row_tiles,
    groups,
    E: tl.constexpr,
    FORMAT: tl.constexpr,
    HAS_ZEROS: tl.constexpr,
    ROWS: tl.constexpr,
    TOKENS: tl.constexpr,
    EVEN: tl.constexpr,
    SPLITS: tl.constexpr,
):
    """out[order[i]] = w2[e] · act[i].

    With few tokens there are fewer blocks of rows than multiprocessors, so the sum over I is
    shared by SPLITS programs. The last to arrive adds the parts up, always in the same order:
    equal inputs give equal bits.
    """
    expert, first, count = expert_tile(offsets, tl.program_id(0), E, experts, TOKENS)
    if count > 0:
        row_block, split = tl.program_id(1), tl.program_id(2)
        slots = tl.arange(0, TOKENS)
        live = slots < count
        share = (groups + SPLITS - 1) // SPLITS
        acc = product(
            act,
            (first + slots).to(tl.int64),
            live,
            inner,
            inner,
            tiles,
            scales,
            zeros,
            expert,
            row_block,
            split * share,
            tl.minimum((split + 1) * share, groups),
            row_tiles,
            groups,
            FORMAT,
            HAS_ZEROS,
            ROWS,
            TOKENS,
            EVEN,
        )
        row = row_block * ROWS + tl.arange(0, ROWS)
        there = (row < hidden)[:, None] & live[None, :]
        token = tl.load(order + first + slots, mask=live, other=0).to(tl.int64)
        place = token[None, :] * hidden + row[:, None]
        if SPLITS == 1:
            tl.store(out + place, acc.to(out.dtype.element_ty), mask=there)
        else:
            size = tokens.to(tl.int64) * hidden
            tl.store(partial + split * size + place, acc, mask=there)
            tl.debug_barrier()  # every thread's part is written before the arrival is counted
            counter = arrived + tl.program_id(0) * tl.num_programs(1) + row_block
            if tl.atomic_add(counter, 1, sem="acq_rel") == SPLITS - 1:
                total = tl.zeros([ROWS, TOKENS], tl.float32)
                for part in range(SPLITS):
                    total += tl.load(
                        partial + part * size + place, mask=there, other=0.0, cache_modifier=".cg"
                    )
                tl.store(out + place, total.to(out.dtype.element_ty), mask=there)
                tl.store(counter, 0)
