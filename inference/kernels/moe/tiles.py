"""The experts' weights as tiles: one layout that every kernel reads, for any number of tokens.

A tile is 64 rows by 128 columns, and its bytes lie together in the order in which they are read:
4 KiB of int4, 8 KiB of FP8, 16 KiB of BF16. So a kernel reads memory in whole pages whatever the
shape, and one layout serves a single token as well as a long prompt (two copies would not fit).

int4: each 32-bit word holds eight codes of one row. Nibbles p and p + 4 of word c are the columns
32p + 2c and 32p + 2c + 1, so that one shift and one mask give a pair of neighbouring columns, as
the tensor core wants them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from inference.kernels.moe.int4 import VALUES_PER_INT32, Int4Weights, unpack

TILE_ROWS = 64
GROUP = 128  # columns of a tile, and of what shares a scale
_HALF = TILE_ROWS // 2
_EIGHTS = -0x77777778  # a word of eight codes 8: zeros of symmetric int4

Format = Literal["int4", "fp8", "plain"]


@dataclass(frozen=True, slots=True)
class ExpertMatrix:
    """One projection of all E experts, (N, K) each, N and K padded with zeros to whole tiles.

    tiles:   int4 (E, N/64, K/128, 64, 16) int32; fp8 and plain (E, N/64, K/128, 64, 128)
    scales:  (E, N/64, K/128, 64), a scale for each row and 128 columns, in the dtype in which they
             came (BF16 halves what they cost); plain: None
    zeros:   like scales, float32, the code that means 0; None: 8 for int4, 0 for fp8
    rows, columns: N and K before they were padded
    """

    tiles: torch.Tensor
    scales: torch.Tensor | None
    zeros: torch.Tensor | None
    format: Format
    rows: int
    columns: int

    @property
    def experts(self) -> int:
        return int(self.tiles.shape[0])

    @property
    def groups(self) -> int:
        return int(self.tiles.shape[2])

    @property
    def padded_rows(self) -> int:
        return int(self.tiles.shape[1]) * TILE_ROWS

    @property
    def nbytes(self) -> int:
        """Of all experts, scales included."""
        parts = (self.tiles, self.scales, self.zeros)
        return sum(part.numel() * part.element_size() for part in parts if part is not None)


def int4_matrix(
    codes: torch.Tensor, scales: torch.Tensor, zeros: torch.Tensor | None = None
) -> ExpertMatrix:
    """From codes (E, N, K) of 0 to 15, scales (E, N, ceil(K/128)), zeros like these or None (8)."""
    tiles = _tiled(codes.to(torch.int32), fill=8)
    e, n, g = tiles.shape[:3]
    # [.., 64, 128] -> [.., 64, p, c, half]: the nibble of a column is p + 4 · half
    parts = tiles.view(e, n, g, TILE_ROWS, 4, 16, 2)
    words = torch.zeros(e, n, g, TILE_ROWS, 16, dtype=torch.int32, device=codes.device)
    for p in range(4):
        for half in range(2):
            words |= parts[:, :, :, :, p, :, half] << (4 * (p + 4 * half))
    return ExpertMatrix(
        words,
        _tiled_scales(scales),
        None if zeros is None else _tiled_scales(zeros.float(), fill=8.0),
        "int4",
        *codes.shape[1:],
    )


def int4_matrix_from_packed(weights: Int4Weights, *, pairs: bool) -> ExpertMatrix:
    """From int4 as a checkpoint packs it, (E, N, K), an expert at a time: beside what comes in and
    what goes out there is never more than a few times one expert.

    `pairs`: the rows are those of gate and up (w13), and are interleaved.
    Raises ValueError: groups that are not whole tiles of 128 columns, nor whole rows.
    """
    columns = weights.packed.shape[2] * VALUES_PER_INT32
    groups = -(-columns // GROUP)
    size = columns // weights.scales.shape[2]
    if size != columns and size % GROUP:
        raise ValueError(
            f"Our kernels know int4 in groups of {GROUP} columns (or a multiple), and these have "
            f"groups of {size}: use the naive kernel, or vLLM's Triton one."
        )
    span = -(-size // GROUP)
    rows = _row_order(pairs)

    def expert(number: int) -> tuple[torch.Tensor, ...]:
        words = _rewoven(rows(weights.packed[number].unsqueeze(0)))
        scales = rows(_per_group(weights.scales[number].unsqueeze(0), span, groups))
        if weights.zero_points is None:
            return _tiled_words(words), _tiled_scales(scales)
        zeros = unpack(weights.zero_points[number].mT).mT.unsqueeze(0).float()
        zeros = _tiled_scales(rows(_per_group(zeros, span, groups)), fill=8.0)
        return _tiled_words(words), _tiled_scales(scales), zeros

    parts = _one_by_one(expert, len(weights))
    zeros = parts[2] if weights.zero_points is not None else None
    return ExpertMatrix(
        parts[0], parts[1], zeros, "int4", _rows_out(weights.packed, pairs), columns
    )


def fp8_matrix(
    weights: torch.Tensor,
    scales: torch.Tensor,
    *,
    block: tuple[int, int] | None = None,
    pairs: bool = False,
) -> ExpertMatrix:
    """From float8_e4m3fn (E, N, K), an expert at a time, and scales: (E, 1, 1), (E, N, 1) for each
    row, (E, N, ceil(K/128)), or with `block` (rows, columns) one for each block of these.

    `pairs`: the rows are those of gate and up (w13), and are interleaved.
    Raises ValueError: blocks that are not whole tiles of 128 columns.
    """
    groups = -(-weights.shape[2] // GROUP)
    if block is not None and block[1] % GROUP:
        raise ValueError(
            f"Our kernels know FP8 in blocks of {GROUP} columns (or a multiple), and these have "
            f"{block[1]}: use the naive kernel, or vLLM's Triton one."
        )
    rows = _row_order(pairs)
    span = 1 if scales.shape[2] == groups else groups
    span = span if block is None else block[1] // GROUP

    def expert(number: int) -> tuple[torch.Tensor, ...]:
        raw, scale = weights[number].view(torch.uint8).unsqueeze(0), scales[number].unsqueeze(0)
        if block is not None:
            scale = scale.repeat_interleave(block[0], dim=1)
        scale = scale[:, : weights.shape[1]].expand(-1, weights.shape[1], -1)
        return _tiled(rows(raw)), _tiled_scales(rows(_per_group(scale, span, groups)))

    raw, tiled_scales = _one_by_one(expert, len(weights))
    tiles = raw.view(torch.float8_e4m3fn)
    return ExpertMatrix(
        tiles, tiled_scales, None, "fp8", _rows_out(weights, pairs), weights.shape[2]
    )


def plain_matrix(weights: torch.Tensor, *, pairs: bool = False) -> ExpertMatrix:
    """From bf16, fp16 or fp32 (E, N, K), an expert at a time; `pairs` as in fp8_matrix."""
    rows = _row_order(pairs)
    (tiles,) = _one_by_one(lambda one: (_tiled(rows(weights[one : one + 1])),), len(weights))
    return ExpertMatrix(tiles, None, None, "plain", _rows_out(weights, pairs), weights.shape[2])


def _one_by_one(
    expert: Callable[[int], tuple[torch.Tensor, ...]], experts: int
) -> tuple[torch.Tensor, ...]:
    """What `expert` makes of each, (1, …), put together into (E, …) without a second copy."""
    whole: tuple[torch.Tensor, ...] = ()
    for number in range(experts):
        parts = expert(number)
        whole = whole or tuple(part.new_empty(experts, *part.shape[1:]) for part in parts)
        for place, part in zip(whole, parts, strict=True):
            place[number : number + 1] = part
    return whole


def _row_order(pairs: bool) -> Callable[[torch.Tensor], torch.Tensor]:
    return interleaved if pairs else lambda rows: rows


def _rows_out(matrix: torch.Tensor, pairs: bool) -> int:
    """Rows of (E, N, …), with what interleaving pads."""
    rows = int(matrix.shape[1])
    return 2 * (rows // 2 + -(rows // 2) % _HALF) if pairs else rows


def _per_group(scales: torch.Tensor, span: int, groups: int) -> torch.Tensor:
    """(E, N, G) -> (E, N, groups): each for the `span` groups of 128 columns that it is for."""
    return scales.repeat_interleave(span, dim=2)[:, :, :groups]


def _rewoven(packed: torch.Tensor) -> torch.Tensor:
    """(E, N, K/8) as a checkpoint packs it -> (E, N, ceil(K/128), 16) as a tile has it.

    There word 4p + q holds the columns 32p + 8q and on, in pairs r of bytes; here word 4q + r
    holds the pairs r of all p: the low nibble goes to p, the high one to p + 4.
    """
    lacking = -packed.shape[2] % 16
    packed = torch.nn.functional.pad(packed, (0, lacking), value=_EIGHTS) if lacking else packed
    source = packed.unflatten(2, (-1, 4, 4))  # [E, N, G, p, q]
    words = packed.new_zeros(*source.shape[:3], 4, 4)  # [E, N, G, q, r]
    for p in range(4):
        for r in range(4):
            pair = source[:, :, :, p] >> 8 * r
            words[..., r] |= ((pair & 0xF) << 4 * p) | ((pair >> 4 & 0xF) << 4 * p + 16)
    return words.flatten(3)


def _tiled_words(words: torch.Tensor) -> torch.Tensor:
    """(E, N, G, 16) -> (E, N/64, G, 64, 16), contiguous."""
    rows = _padded_rows(words, TILE_ROWS, _EIGHTS)
    return rows.unflatten(1, (-1, TILE_ROWS)).transpose(2, 3).contiguous()


def interleaved(gate_up: torch.Tensor) -> torch.Tensor:
    """Rows of (E, 2I, …), gate first, so that each tile has 32 rows of the gate and the same of
    the up projection below them: one program then has both halves of what it multiplies."""
    gate, up = (_padded_rows(half, _HALF) for half in gate_up.chunk(2, dim=1))
    pairs = torch.stack([one.unflatten(1, (-1, _HALF)) for one in (gate, up)], dim=2)
    return pairs.flatten(1, 3)


def _padded_rows(rows: torch.Tensor, multiple: int, fill: float = 0) -> torch.Tensor:
    lacking = -rows.shape[1] % multiple
    if not lacking:
        return rows
    shape = (rows.shape[0], lacking, *rows.shape[2:])
    return torch.cat([rows, rows.new_full(shape, fill)], dim=1)


def _tiled(matrix: torch.Tensor, fill: float = 0) -> torch.Tensor:
    """(E, N, K) -> (E, N/64, K/128, 64, 128), contiguous."""
    lacking = -matrix.shape[2] % GROUP
    matrix = torch.nn.functional.pad(matrix, (0, lacking), value=fill) if lacking else matrix
    matrix = _padded_rows(matrix, TILE_ROWS, fill)
    tiles = matrix.unflatten(2, (-1, GROUP)).unflatten(1, (-1, TILE_ROWS))
    return tiles.transpose(2, 3).contiguous()


def _tiled_scales(scales: torch.Tensor, fill: float = 0.0) -> torch.Tensor:
    """(E, N, G) -> (E, N/64, G, 64), contiguous."""
    rows = _padded_rows(scales, TILE_ROWS, fill)
    return rows.unflatten(1, (-1, TILE_ROWS)).transpose(2, 3).contiguous()
