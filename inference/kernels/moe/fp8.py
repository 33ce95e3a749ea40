"""FP8 weights (E4M3) with their scales, and inputs rounded to FP8. Torch alone.

Where the scales of weights lie: one for a matrix, one for a row ("per channel"), or one for a
block of rows and columns. Inputs have theirs per token, or per token and group of columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

LARGEST = 448.0  # of E4M3


@dataclass(frozen=True, slots=True)
class Fp8Weights:
    """One matrix of each expert, (E, N, K).

    values: (E, N, K) float8_e4m3fn
    scales: (E, 1, 1), (E, N, 1), or with `block` (E, ceil(N/rows), ceil(K/columns)), float
    block:  rows and columns that share a scale
    """

    values: torch.Tensor
    scales: torch.Tensor
    block: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, expert: int) -> torch.Tensor:
        """An expert's matrix (N, K), dequantized, in the scales' dtype."""
        values, scales = self.values[expert], self.scales[expert]
        return values.to(scales.dtype) * spread(scales, values.shape, self.block)

    def dequantize(self) -> torch.Tensor:
        """(E, N, K) in the scales' dtype."""
        return torch.stack([self[expert] for expert in range(len(self))])


def spread(scales: torch.Tensor, shape: torch.Size, block: tuple[int, int] | None) -> torch.Tensor:
    """Scales of blocks, one for each row and column of `shape`; others as they are."""
    if block is None:
        return scales
    rows = scales.repeat_interleave(block[0], dim=0)[: shape[0]]
    return rows.repeat_interleave(block[1], dim=1)[:, : shape[1]]


def quantize_fp8(weight: torch.Tensor, block: tuple[int, int] | None = None) -> Fp8Weights:
    """(E, N, K) rounded to FP8, a scale for each row or block; scales in float32."""
    plain = weight.float()
    if block is None:
        scales = _scale(plain.abs().amax(-1, keepdim=True))
        return Fp8Weights((plain / scales).to(torch.float8_e4m3fn), scales)
    scales = torch.stack([_scale(_block_largest(one, block)) for one in plain])
    over = torch.stack([spread(one, plain.shape[1:], block) for one in scales])
    return Fp8Weights((plain / over).to(torch.float8_e4m3fn), scales, block)


def rounded_per_token(x: torch.Tensor, group: int | None = None) -> torch.Tensor:
    """x (T, K) as a kernel of FP8 inputs sees it, in x's dtype: each token (or each of its groups
    of columns) scaled so that its largest value is FP8's, rounded, and scaled back."""
    grouped = x.unflatten(-1, (-1, group or x.shape[-1]))
    scales = _scale(grouped.abs().amax(-1, keepdim=True))
    return ((grouped / scales).to(torch.float8_e4m3fn).to(x.dtype) * scales).flatten(-2)


def _scale(largest: torch.Tensor) -> torch.Tensor:
    return (largest / LARGEST).clamp(min=torch.finfo(largest.dtype).tiny)


def _block_largest(matrix: torch.Tensor, block: tuple[int, int]) -> torch.Tensor:
    """(ceil(N/rows), ceil(K/columns)): the largest magnitude in each block."""
    rows, columns = (-size % edge for size, edge in zip(matrix.shape, block, strict=True))
    padded = torch.nn.functional.pad(matrix.abs(), (0, columns, 0, rows))
    return padded.unflatten(1, (-1, block[1])).unflatten(0, (-1, block[0])).amax((1, 3))
