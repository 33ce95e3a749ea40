"""The sizes of a layer's experts, and random experts of that size."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from inference.kernels.moe.layer import Experts
from inference.kernels.moe.tiles import GROUP, TILE_ROWS, ExpertMatrix


@dataclass(frozen=True, slots=True)
class Shape:
    """One layer: top-1 of `experts`, hidden size, an expert's inner size."""

    name: str
    experts: int
    hidden: int
    inner: int

    def flops(self, tokens: int) -> int:
        return 6 * tokens * self.hidden * self.inner

    def least_bytes(self, tokens: int, distinct: int) -> int:
        """int4 weights and their scales of each expert that is met, and the tokens in and out."""
        weights = 3 * self.hidden * self.inner
        return distinct * (weights // 2 + 2 * weights // GROUP) + 4 * tokens * self.hidden


SCOUT = Shape("Scout", 16, 5120, 8192)
MAVERICK = Shape("Maverick", 128, 5120, 8192)
TINY = Shape("tiny", 4, 256, 128)  # to see on a CPU that the script works


def random_experts(shape: Shape, device: str) -> Experts:
    """int4 of random codes, made as tiles: as whole matrices they would need eight times that."""
    w13 = _random(shape.experts, 2 * shape.inner, shape.hidden, device)
    w2 = _random(shape.experts, shape.hidden, shape.inner, device)
    return Experts(w13, w2, shape.inner)


def _random(experts: int, rows: int, columns: int, device: str) -> ExpertMatrix:
    size = experts, rows // TILE_ROWS, columns // GROUP, TILE_ROWS
    tiles = torch.randint(-(1 << 31), 1 << 31, (*size, 16), device=device, dtype=torch.int32)
    scales = (torch.rand(size, device=device) * columns**-0.5).bfloat16()
    return ExpertMatrix(tiles, scales, None, "int4", rows, columns)
