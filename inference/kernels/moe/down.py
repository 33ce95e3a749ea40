"""The second half of an expert: the down projection, each token's row put back in its place."""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from inference.kernels.moe.product import fetch_ahead, parts_summed, product, tile_of_tokens


@triton.jit(do_not_specialize=["tokens", "experts"])
def down_kernel(
    act,  # [T, I], as gate_up leaves it
    ids,  # [T]; read where DIRECT
    order,  # [T]; read where not
    offsets,  # [E + 2]; likewise
    tiles,
    scales,
    zeros,
    out,  # [T, H]
    partial,  # [SPLITS, T, row blocks * ROWS] fp32; unused where SPLITS is 1
    arrived,  # [tiles of tokens, row blocks] int32, zero before; likewise
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
    DIRECT: tl.constexpr,
    OVERLAP: tl.constexpr,
):
    """A block of rows for a tile of tokens; with few tokens there are fewer blocks of rows than
    multiprocessors, so the sum over I is shared by SPLITS programs.

    Computes:  out[t] = w2[e] · act[t]; zeros for a token without an expert here
    Args:      see above; grid (tiles of tokens, blocks of ROWS rows, SPLITS)
    Returns:   out, in its dtype, every element written
    Cost:      2 · T · H · I FLOPs; H · I weights read for each tile of tokens, and where SPLITS
               is over 1 8 · T · H · SPLITS bytes of sums, written and read in the cache
    Numerics:  summed in fp32. The last program to arrive adds the parts up, always in the same
               order: equal inputs give equal bits.
    """
    row_block, split = tl.program_id(1), tl.program_id(2)
    share = (groups + SPLITS - 1) // SPLITS
    begin = split * share
    found, expert, token, place, live = tile_of_tokens(
        ids, order, offsets, tokens, tl.program_id(0), experts, E, TOKENS, DIRECT
    )
    if OVERLAP:
        # What chose the experts is done: gate_up lets us start once it has waited for that itself.
        if found & (expert < experts):
            fetch_ahead(tiles, expert, row_block, begin, row_tiles, groups, FORMAT, ROWS)
        gdc_wait()
        gdc_launch_dependents()
    if found:  # without an expert here there is no group to add, and the sum is zero
        end = tl.where(expert < experts, tl.minimum(begin + share, groups), begin)
        acc = product(
            act,
            place,
            live,
            inner,
            inner,
            tiles,
            scales,
            zeros,
            tl.minimum(expert, experts - 1),
            row_block,
            begin,
            end,
            row_tiles,
            groups,
            FORMAT,
            HAS_ZEROS,
            ROWS,
            TOKENS,
            EVEN,
        )
        row = row_block * ROWS + tl.arange(0, ROWS)
        last = True
        if SPLITS > 1:
            counter = arrived + tl.program_id(0) * tl.num_programs(1) + row_block
            last, acc = parts_summed(
                acc, partial, token, row, live, tokens, split, counter, ROWS, SPLITS
            )
        if last:
            there = (row < hidden)[:, None] & live[None, :]
            at = token[None, :] * hidden + row[:, None]
            tl.store(out + at, acc.to(out.dtype.element_ty), mask=there)
