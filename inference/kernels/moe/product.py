"""What the expert kernels share: which tile a program has, and its product with the tokens."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def tile_of_tokens(
    ids,  # [T]
    order,  # [T]
    offsets,  # [E + 2]
    tokens,
    tile,
    experts,
    E: tl.constexpr,
    TOKENS: tl.constexpr,
    DIRECT: tl.constexpr,
):
    """The tokens of the tile with this number. No tile has tokens of two experts.

    Returns (found, expert, token, place, live), the last three (TOKENS,): which tokens, their rows
    in the activation, and which of them there are; found is whether they are this tile's. Tokens of
    no expert here have `experts` as theirs.
    """
    slots = tl.arange(0, TOKENS)
    if DIRECT:  # all tokens fit into a tile: that of an expert's first token has all of them
        there = slots < tokens
        chosen = tl.load(ids + slots, mask=there, other=0)
        chosen = tl.where((chosen >= 0) & (chosen < experts), chosen, experts).to(tl.int32)
        chosen = tl.where(there, chosen, -1)
        expert = tl.sum(tl.where(slots == tile, chosen, 0), axis=0)
        first = tl.min(tl.where(chosen == expert, slots, TOKENS), axis=0)
        found = first == tile
        live = chosen == expert
        token, place = slots, slots
    else:
        each = tl.arange(0, E)
        known = each <= experts
        begins = tl.load(offsets + each, mask=known, other=0)
        counts = tl.load(offsets + each + 1, mask=known, other=0) - begins
        tiles = (counts + TOKENS - 1) // TOKENS
        upto = tl.cumsum(tiles, axis=0)
        expert = tl.sum((upto <= tile).to(tl.int32), axis=0)
        mine = each == expert
        within = (tile - tl.sum(tl.where(mine, upto - tiles, 0), axis=0)) * TOKENS
        first = tl.sum(tl.where(mine, begins, 0), axis=0) + within
        count = tl.sum(tl.where(mine, counts, 0), axis=0) - within
        found = count > 0
        live = slots < count
        place = first + slots
        token = tl.load(order + place, mask=live, other=0)
    return found, expert, token.to(tl.int64), place.to(tl.int64), live


@triton.jit
def int4_pair(words, P: tl.constexpr, dtype: tl.constexpr):
    """Nibbles P and P + 4 of words (ROWS, 16) as floats (ROWS, 16, 2), with an offset.

    A code is put into the low bits of a float's mantissa: in BF16 0x4300 | q is 128 + q, in FP16
    0x6400 | q is 1024 + q, both exact.
    """
    pair = (words >> (4 * P)) & 0x000F000F
    if dtype == tl.bfloat16:
        pair = pair | 0x43004300
    elif dtype == tl.float16:
        pair = pair | 0x64006400
    low, high = pair & 0xFFFF, (pair >> 16) & 0xFFFF
    if dtype == tl.float32:
        both = tl.join(low.to(dtype), high.to(dtype))
    else:
        both = tl.join(
            low.to(tl.uint16).to(dtype, bitcast=True), high.to(tl.uint16).to(dtype, bitcast=True)
        )
    return both


@triton.jit
def int4_tile(words, zero, ROWS: tl.constexpr, dtype: tl.constexpr):
    """A tile of int4, words (ROWS, 16), as (ROWS, 128): each code less its zero."""
    if dtype == tl.bfloat16:
        offset = 128.0
    elif dtype == tl.float16:
        offset = 1024.0
    else:
        offset = 0.0
    even = tl.join(int4_pair(words, 0, dtype), int4_pair(words, 2, dtype))
    odd = tl.join(int4_pair(words, 1, dtype), int4_pair(words, 3, dtype))
    # [ROWS, 16, half, P // 2, P % 2] -> [ROWS, P // 2, P % 2, 16, half]
    tile = tl.permute(tl.join(even, odd), (0, 3, 4, 1, 2))
    return tl.reshape(tile, (ROWS, 128)) - (zero + offset).to(dtype)


@triton.jit
def fetch_ahead(
    tiles,
    expert,
    row_block,
    first_group,
    row_tiles,
    groups,
    FORMAT: tl.constexpr,
    ROWS: tl.constexpr,
):
    """Have the first 16 KiB of each of these 64 rows brought into the second-level cache."""
    line: tl.constexpr = 1024 // tiles.dtype.element_ty.primitive_bitwidth  # 128 bytes
    size: tl.constexpr = 1024 if FORMAT == "int4" else 8192
    first = tl.minimum(first_group, groups - 1)
    last = (groups - first) * size - 1  # of the row's tiles
    for part in tl.static_range(ROWS // 64):
        row_tile = tl.minimum(row_block * (ROWS // 64) + part, row_tiles - 1)
        begin = (expert.to(tl.int64) * row_tiles + row_tile) * groups + first
        at = tiles + begin * size + tl.minimum(tl.arange(0, 128) * line, last)
        tl.inline_asm_elementwise(
            "prefetch.global.L2 [$1]; mov.b32 $0, 0;",
            "=r,l",
            [at.to(tl.int64)],
            dtype=tl.int32,
            is_pure=False,
            pack=1,
        )


@triton.jit
def product(
    x,  # [*, stride_x], rows of this expert's tokens
    places,  # [TOKENS]: rows of x
    live,  # [TOKENS]
    stride_x,
    columns,  # of x
    tiles,
    scales,
    zeros,
    expert,
    row_block,
    first_group,
    last_group,
    row_tiles,  # of an expert
    groups,  # of a row
    FORMAT: tl.constexpr,
    HAS_ZEROS: tl.constexpr,
    ROWS: tl.constexpr,
    TOKENS: tl.constexpr,
    EVEN: tl.constexpr,  # columns fill whole groups
):
    """(ROWS, TOKENS) in fp32: ROWS rows of the expert's matrix times TOKENS tokens, over a range
    of groups of 128 columns. The scale of a group is applied to its sum, not to each weight."""
    dtype = x.dtype.element_ty
    rows = tl.arange(0, ROWS)
    at = row_block * ROWS + rows
    # Tiles of 64 rows follow each other over the columns. Beyond the last there is nothing to read.
    tile = (expert.to(tl.int64) * row_tiles + tl.minimum(at // 64, row_tiles - 1)) * groups
    within = at % 64
    acc = tl.zeros([ROWS, TOKENS], tl.float32)
    k128 = tl.arange(0, 128)
    words16 = tl.arange(0, 16)
    if FORMAT != "plain":
        first = tl.minimum(first_group, groups - 1)  # with more parts than groups there is none
        scale = tl.load(scales + (tile + first) * 64 + within).to(tl.float32)
    for group in range(first_group, last_group):
        if FORMAT != "plain":  # one ahead: its use would wait for it
            following = tl.minimum(group + 1, groups - 1)
            next_scale = tl.load(scales + (tile + following) * 64 + within).to(tl.float32)
        if FORMAT == "int4":
            words = tl.load(
                tiles + (tile + group)[:, None] * 1024 + within[:, None] * 16 + words16[None, :]
            )
            if HAS_ZEROS:
                zero = tl.load(zeros + (tile + group) * 64 + within)[:, None]
            else:
                zero = tl.full([1, 1], 8.0, tl.float32)
            a = int4_tile(words, zero, ROWS, dtype)
        else:
            a = tl.load(
                tiles + (tile + group)[:, None] * 8192 + within[:, None] * 128 + k128[None, :]
            ).to(dtype)
        column = group * 128 + k128
        taken = live[None, :] if EVEN else live[None, :] & (column < columns)[:, None]
        b = tl.load(x + places[None, :] * stride_x + column[:, None], mask=taken, other=0.0)
        part = tl.dot(a, b, out_dtype=tl.float32, input_precision="ieee")
        if FORMAT == "plain":
            acc += part
        else:
            acc += part * scale[:, None]
            scale = next_scale
    return acc


@triton.jit
def parts_summed(
    acc,
    partial,  # [SPLITS, T, row blocks * ROWS]
    place,  # [TOKENS]
    row,  # [ROWS]
    live,  # [TOKENS]
    tokens,
    split,
    counter,
    ROWS: tl.constexpr,
    SPLITS: tl.constexpr,
):
    """Leave this program's part of a sum, and add all up where it is the last to arrive.

    Returns (last, total); total is this program's part where it is not the last. The parts are
    added in the order of their numbers: equal inputs give equal bits.
    """
    rows = tl.num_programs(1) * ROWS
    size = tokens.to(tl.int64) * rows
    at = place[None, :] * rows + row[:, None]
    there = live[None, :] & (row >= 0)[:, None]
    tl.store(partial + split * size + at, acc, mask=there)
    tl.debug_barrier()  # every thread's part is written before the arrival is counted
    last = tl.atomic_add(counter, 1, sem="acq_rel") == SPLITS - 1
    total = acc
    if last:
        total = tl.zeros_like(acc)
        for part in range(SPLITS):
            total += tl.load(
                partial + part * size + at, mask=there, other=0.0, cache_modifier=".cg"
            )
    return last, total
