"""What a layer is asked: tokens, and the experts that they are sent to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from inference.kernels.moe.naive import naive_moe
from tests.benchmarks.moe.shapes import Shape
from tests.benchmarks.moe.weights import Weights, in_float32, random_weights


@dataclass(frozen=True, slots=True)
class Question:
    """`x` (T, H); the router's `weights` (T, 1) fp32 and `ids` (T, 1) int32; `truth` (T, H) fp32,
    the naive layer's answer with the first weights (seed 0)."""

    shape: Shape
    routing: str
    x: torch.Tensor
    weights: torch.Tensor
    ids: torch.Tensor
    truth: torch.Tensor

    @property
    def tokens(self) -> int:
        return len(self.x)

    @property
    def key(self) -> tuple[str, str, int]:
        return self.shape.name, self.routing, self.tokens

    @property
    def distinct(self) -> int:
        """How many experts are met."""
        return len(self.ids.unique())


def uniform(tokens: int, experts: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randint(0, experts, (tokens, 1), generator=generator)


def skewed(tokens: int, experts: int, generator: torch.Generator) -> torch.Tensor:
    """The n-th expert is chosen 1/n as often as the first."""
    often = 1 / torch.arange(1, experts + 1)
    return torch.multinomial(often.expand(tokens, -1), 1, generator=generator)


ROUTINGS: Mapping[str, Callable[[int, int, torch.Generator], torch.Tensor]] = {
    "uniform": uniform,
    "skewed": skewed,
}


def questions(
    shape: Shape, routings: Sequence[str], counts: Sequence[int], device: str
) -> list[Question]:
    layer = random_weights(shape, 0, device)
    return [asked(layer, routing, count, device) for routing in routings for count in counts]


def asked(layer: Weights, routing: str, count: int, device: str) -> Question:
    """The same for the same routing and count."""
    shape, generator = layer.shape, torch.Generator().manual_seed(count)
    # The interpreter's products of bf16 are wrong.
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    x = torch.randn(count, shape.hidden, generator=generator).to(device, dtype)
    weights = (torch.rand(count, 1, generator=generator) * 0.9 + 0.05).to(device)
    ids = ROUTINGS[routing](count, shape.experts, generator).int().to(device)
    truth = answer(layer, x, weights, ids)
    return Question(shape, routing, x, weights, ids, truth)


def answer(
    layer: Weights, x: torch.Tensor, weights: torch.Tensor, ids: torch.Tensor
) -> torch.Tensor:
    """The naive layer's, in float32."""
    w13, w2 = in_float32(layer.w13), in_float32(layer.w2)
    return naive_moe(x.float(), w13, w2, weights, ids, apply_router_weight_on_input=True)
