"""Whether our kernels are right on this card: against the naive layer, in a graph, and twice."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from inference.kernels.moe.layer import routed_experts
from inference.kernels.moe.naive import naive_moe
from tests.benchmarks.gpu.timing import captured
from tests.kernels.layers import DEVICE, random_layer, scores, tokens, uniform

FORMS = ("int4", "int4-zeros", "fp8-row", "fp8-group", "plain")
BOUND = 1e-2  # ‖ours − naive‖ / ‖naive‖ in bf16; with the weight twice it is about 0.5


@dataclass(frozen=True, slots=True)
class Case:
    form: str
    tokens: int
    error: float
    repeatable: bool
    in_graph: bool

    @property
    def right(self) -> bool:
        return self.error < BOUND and self.repeatable and self.in_graph


def cases(small: bool) -> list[Case]:
    counts = (1, 7) if small else (1, 7, 63, 512)
    return [_case(form, count) for form in FORMS for count in counts]


def _case(form: str, count: int) -> Case:
    # The interpreter's products of bf16 are wrong.
    dtype = torch.bfloat16 if DEVICE == "cuda" else torch.float16
    hidden, inner, experts = (1024, 1536, 16) if DEVICE == "cuda" else (256, 128, 4)
    layer = random_layer(form, experts, hidden, inner, dtype)
    x, weights, ids = tokens(count, hidden, dtype), scores(count), uniform(count, experts)
    given = (one.cpu() for one in (x.double(), layer.w13, layer.w2, weights.double(), ids))
    wanted = naive_moe(*given, apply_router_weight_on_input=True)
    first = routed_experts(x, layer.experts, weights, ids)
    again = routed_experts(x, layer.experts, weights, ids)
    error = float((first.cpu().double() - wanted).norm() / wanted.norm())
    return Case(
        form, count, error, torch.equal(first, again), _graph_equals(first, layer, x, weights, ids)
    )


def _graph_equals(wanted: torch.Tensor, layer: object, *given: torch.Tensor) -> bool:
    """A graph that is captured for one routing must be right for another."""
    if DEVICE != "cuda":
        return True
    x, weights, ids = given
    asked = torch.zeros_like(ids)
    out = torch.empty_like(x)

    def run() -> None:
        out.copy_(routed_experts(x, layer.experts, weights, asked))

    replay = captured(run)
    out.fill_(float("nan"))
    asked.copy_(ids)
    replay()
    torch.cuda.synchronize()
    return torch.equal(out, wanted)
