"""Int4 weights in groups, as compressed-tensors packs them (`pack-quantized`). Torch alone.

Along a row of K columns, each G columns share a scale (and a zero point). Eight values stand in
one int32, the first in its lowest four bits. What is stored is 0 to 15; symmetric weights have
their zero at 8.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

VALUES_PER_INT32 = 8
MIDDLE = 8  # the zero of symmetric weights


def pack(values: torch.Tensor) -> torch.Tensor:
    """(…, K) integers in [0, 15] → (…, K/8) int32. Raises ValueError: K isn't in eights."""
    if values.shape[-1] % VALUES_PER_INT32:
        raise ValueError(f"{values.shape[-1]} int4 values don't fill whole int32: pad them to 8.")
    eights = values.to(torch.int32).unflatten(-1, (-1, VALUES_PER_INT32))  # […, K/8, 8]
    return (eights << _shifts(values.device)).sum(-1, dtype=torch.int32)


def unpack(packed: torch.Tensor) -> torch.Tensor:
    """(…, K/8) int32 → (…, K) int32 in [0, 15]."""
    return (packed.unsqueeze(-1) >> _shifts(packed.device) & 0xF).flatten(-2)


def _shifts(device: torch.device) -> torch.Tensor:
    return torch.arange(0, 32, 4, dtype=torch.int32, device=device)


@dataclass(frozen=True, slots=True)
class Int4Weights:
    """One matrix (N, K), or one of each expert (E, N, K).

    packed: (…, N, K/8) int32; scales: (…, N, K/G) float;
    zero_points: (…, N/8, K/G) int32, packed along the *rows*, or None for symmetric weights.
    """

    packed: torch.Tensor
    scales: torch.Tensor
    zero_points: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, expert: int) -> torch.Tensor:
        """An expert's matrix (N, K), dequantized, in the scales' dtype."""
        zero_points = None if self.zero_points is None else self.zero_points[expert]
        return Int4Weights(self.packed[expert], self.scales[expert], zero_points).dequantize()

    def dequantize(self) -> torch.Tensor:
        """(…, N, K) in the scales' dtype: (value - zero) · scale, rounded once."""
        values = unpack(self.packed).unflatten(-1, (self.scales.shape[-1], -1))  # […, N, K/G, G]
        zeros: int | torch.Tensor = MIDDLE
        if self.zero_points is not None:
            zeros = unpack(self.zero_points.mT).mT.unsqueeze(-1)  # […, N, K/G, 1]
        return ((values - zeros) * self.scales.unsqueeze(-1)).flatten(-2)


def quantize(weight: torch.Tensor, group: int, *, symmetric: bool = True) -> Int4Weights:
    """Round (…, N, K) to the nearest of sixteen values per group; scales in its dtype.

    Symmetric: 15 steps from -max to max of a group. Else from its lowest to its highest, zero
    among them. Raises ValueError: K is not in whole groups, or, with zero points, N not in eights.
    """
    if weight.shape[-1] % group:
        raise ValueError(f"{weight.shape[-1]} columns are not in whole groups of {group}.")
    grouped = weight.unflatten(-1, (-1, group)).float()  # […, N, K/G, G]
    low, high = grouped.amin(-1).clamp(max=0), grouped.amax(-1).clamp(min=0)  # […, N, K/G]
    span = 2 * torch.maximum(high, -low) if symmetric else high - low
    # What is stored is the scale in the weight's dtype, so that is what is divided by.
    scales = (span / 15).clamp(min=torch.finfo(weight.dtype).tiny).to(weight.dtype)
    step = scales.float()
    zeros = torch.full_like(low, MIDDLE) if symmetric else (-low / step).round().clamp(0, 15)
    values = ((grouped / step.unsqueeze(-1)).round() + zeros.unsqueeze(-1)).clamp(0, 15)
    return Int4Weights(
        pack(values.flatten(-2)),
        scales,
        None if symmetric else pack(zeros.mT).mT.contiguous(),
    )
