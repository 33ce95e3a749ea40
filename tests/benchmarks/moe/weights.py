"""Random experts of a layer, in int4 as a model's files have them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from inference.kernels.moe.int4 import MIDDLE, VALUES_PER_INT32, Int4Weights, unpack
from inference.kernels.moe.tiles import GROUP
from tests.benchmarks.moe.shapes import Shape


@dataclass(frozen=True, slots=True)
class Weights:
    """`w13` (E, 2I, H), the gate's rows first, and `w2` (E, H, I); scales in BF16."""

    shape: Shape
    w13: Int4Weights
    w2: Int4Weights


def random_weights(shape: Shape, seed: int, device: str) -> Weights:
    """The same for the same seed, so that whoever needs them again makes them again."""
    generator = torch.Generator(device).manual_seed(seed)
    w13 = _random(shape.experts, 2 * shape.inner, shape.hidden, generator)
    return Weights(shape, w13, _random(shape.experts, shape.hidden, shape.inner, generator))


def _random(experts: int, rows: int, columns: int, generator: torch.Generator) -> Int4Weights:
    packed = torch.randint(
        -(1 << 31),
        (1 << 31) - 1,
        (experts, rows, columns // VALUES_PER_INT32),
        dtype=torch.int32,
        generator=generator,
        device=generator.device,
    )
    # Codes are 4.6 off their zero on average: what comes out is about as large as what goes in.
    random = torch.rand(
        experts, rows, columns // GROUP, generator=generator, device=generator.device
    )
    return Int4Weights(packed, ((random + 0.5) * columns**-0.5 / 4.6).bfloat16())


def codes(weights: Int4Weights, expert: int) -> torch.Tensor:
    """(1, N, K) int32, -8 to 7."""
    return unpack(weights.packed[expert : expert + 1]) - MIDDLE


def in_float32(weights: Int4Weights) -> Int4Weights:
    """The same, dequantized without rounding."""
    return Int4Weights(weights.packed, weights.scales.float())
