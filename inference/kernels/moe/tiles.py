"""The experts' weights as tiles: one layout that every kernel reads, for any number of tokens.

A tile is 64 rows by 128 columns, and its bytes lie together in the order in which they are read:
4 KiB of int4, 8 KiB of FP8, 16 KiB of BF16. So a kernel reads memory in whole pages whatever the
shape, and one layout serves a single token as well as a long prompt (two copies would not fit).

int4: each 32-bit word holds eight codes of one row. Nibbles p and p + 4 of word c are the columns
32p + 2c and 32p + 2c + 1, so that one shift and one mask give a pair of neighbouring columns, as
the tensor core wants them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

TILE_ROWS = 64
GROUP = 128  # columns of a tile, and of what shares a scale
_HALF = TILE_ROWS // 2

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


def fp8_matrix(weights: torch.Tensor, scales: torch.Tensor) -> ExpertMatrix:
    """From float8_e4m3fn (E, N, K) and scales (E, N, 1) per row or (E, N, ceil(K/128))."""
    groups = -(-weights.shape[2] // GROUP)
    raw = _tiled(weights.view(torch.uint8)).view(torch.float8_e4m3fn)
    return ExpertMatrix(
        raw,
        _tiled_scales(scales.expand(-1, -1, groups)),
        None,
        "fp8",
        *weights.shape[1:],
    )


def plain_matrix(weights: torch.Tensor) -> ExpertMatrix:
    """From bf16, fp16 or fp32 (E, N, K)."""
    return ExpertMatrix(_tiled(weights), None, None, "plain", *weights.shape[1:])


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
