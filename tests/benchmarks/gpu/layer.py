"""The routed experts' time over the number of tokens, with cold weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch

from inference.kernels.moe.layer import routed_experts
from tests.benchmarks.gpu.roof import Roof
from tests.benchmarks.gpu.shapes import Shape, random_experts
from tests.benchmarks.gpu.timing import Times, timed
from tests.kernels.layers import uniform


@dataclass(frozen=True, slots=True)
class Point:
    """`distinct`: how many experts were met. `bound`: the roof's time for the same in seconds."""

    shape: str
    tokens: int
    distinct: int
    times: Times
    bound: float

    @property
    def share(self) -> float:
        """Of the roof."""
        return self.bound / self.times.p50


def points(shape: Shape, counts: tuple[int, ...], roof: Roof, device: str) -> list[Point]:
    experts = random_experts(shape, device)
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    found = []
    for count in counts:
        x = torch.randn(count, shape.hidden, device=device).to(dtype)
        weights = torch.rand(count, 1, device=device)
        ids = uniform(count, shape.experts, seed=count)
        distinct = len(ids.unique())
        times = timed(partial(routed_experts, x, experts, weights, ids))
        reading = shape.least_bytes(count, distinct) / roof.bandwidth
        bound = max(reading, shape.flops(count) / roof.multiply)
        found.append(Point(shape.name, count, distinct, times, bound))
    return found
