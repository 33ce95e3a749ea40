"""Whether kernels are right on this card: `python -m tests.benchmarks.gpu.right`.

Ours against the naive layer in float64, many times with equal bits, and in a CUDA graph that was
captured for another routing. And, where vLLM's compiled library is given, whether the router's
weight counts twice when Marlin is called as stock vLLM calls it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from tests.benchmarks.gpu.cases import MARLIN, Case, read_cases, write_cases
from tests.benchmarks.moe.__main__ import common_options, parsed, ready

FORMS = ("int4", "fp8-group", "plain", "int4-zeros", "fp8-row")
COUNTS = (1, 7, 63, 512)
AGAIN = 20  # a race shows in one run of many


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.gpu.right", description=__doc__)
    common_options(parser)
    parser.add_argument("--only", choices=("ours", "marlin"), default="ours")
    given = parsed(parser, arguments)
    if not ready(given.cpu):
        return 1
    file: Path = given.out / f"{given.name or 'right'}.csv"
    found = _marlin(given.marlin) if given.only == "marlin" else _ours()
    kept = read_cases(file)
    for case in found:
        print(case.line, flush=True)
        kept.append(case)
        write_cases(file, kept)
    return 0


def _ours() -> Iterator[Case]:
    from tests.benchmarks.moe.absent import reason

    large = torch.cuda.is_available()
    for form in FORMS:
        for count in COUNTS if large else COUNTS[:2]:
            try:
                yield _case(form, count, large)
            except Exception as error:
                yield Case(form, count, None, why_not=reason(error))


def _case(form: str, count: int, large: bool) -> Case:
    from inference.kernels.moe.layer import routed_experts
    from inference.kernels.moe.naive import naive_moe
    from tests.kernels.layers import random_layer, scores, tokens, uniform

    # The interpreter's products of bf16 are wrong.
    dtype = torch.bfloat16 if large else torch.float16
    hidden, inner, experts = (1024, 1536, 16) if large else (192, 64, 3)
    layer = random_layer(form, experts, hidden, inner, dtype)
    x, weights, ids = tokens(count, hidden, dtype), scores(count), uniform(count, experts)
    whole = (one.cpu() for one in (x.double(), layer.w13, layer.w2, weights.double(), ids))
    wanted = naive_moe(*whole, apply_router_weight_on_input=True)
    first = routed_experts(x, layer.experts, weights, ids)
    equal = all(
        torch.equal(first, routed_experts(x, layer.experts, weights, ids))
        for _ in range(AGAIN if large else 1)
    )
    error = float((first.cpu().double() - wanted).norm() / wanted.norm())
    in_graph = _graph_equals(first, layer.experts, x, weights, ids) if large else None
    return Case(form, count, error, equal, in_graph)


def _graph_equals(wanted: torch.Tensor, experts: object, *given: torch.Tensor) -> bool:
    """A graph that is captured for one routing must be right for another."""
    from inference.kernels.moe.layer import routed_experts
    from tests.benchmarks.moe.timing import captured

    x, weights, ids = given
    asked = torch.zeros_like(ids)
    out = torch.empty_like(x)
    replay = captured(lambda: out.copy_(routed_experts(x, experts, weights, asked)))
    out.fill_(float("nan"))
    asked.copy_(ids)
    replay()
    torch.cuda.synchronize()
    return torch.equal(out, wanted)


def _marlin(library: Path | None) -> Iterator[Case]:
    """Marlin called right, and as stock vLLM calls it for Llama 4: its `prepare` weights the input,
    and then `mul_topk_weights` is set, too."""
    from tests.benchmarks.moe.absent import reason

    try:
        yield from _weighed(library)
    except Exception as error:
        yield Case(MARLIN, 0, None, why_not=reason(error))


def _weighed(library: Path | None) -> Iterator[Case]:
    from tests.benchmarks.moe import marlin
    from tests.benchmarks.moe.measuring import distance
    from tests.benchmarks.moe.questions import answer, asked
    from tests.benchmarks.moe.shapes import Shape
    from tests.benchmarks.moe.weights import random_weights

    layer = random_weights(Shape("small", 16, 1024, 1536), 0, "cuda")
    question = asked(layer, "uniform", 7, "cuda")
    x, weights, ids = question.x, question.weights, question.ids
    loaded = marlin.loaded(library, layer)
    right = marlin.call_once(loaded, x, weights, ids)()
    yield Case(f"{MARLIN} called right", 7, distance(right, question.truth))
    stock = marlin.call_once(loaded, x * weights.to(x.dtype), weights, ids)()
    yield Case(f"{MARLIN} as stock calls it", 7, distance(stock, question.truth))
    twice = answer(layer, x, weights * weights, ids)
    yield Case(f"{MARLIN} as stock calls it, against the weight twice", 7, distance(stock, twice))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
