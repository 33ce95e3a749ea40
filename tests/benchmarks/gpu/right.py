"""Whether kernels are right on this card: `python -m tests.benchmarks.gpu.right`.

Ours against the naive layer in float64: in each format (`--only formats`), and in each way to start
and to route (`--only variants`); with equal bits, and in CUDA graphs that were captured for another
routing. `--only marlin`: whether the router's weight counts twice when Marlin is called as stock
vLLM calls it. `--only sanitizer`: what compute-sanitizer says of ours, where the machine has it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import torch

from tests.benchmarks.gpu.cases import LOST, MARLIN, SANITIZER, Case, read_cases, write_cases
from tests.benchmarks.moe.__main__ import common_options, parsed, ready

COUNTS = (1, 7, 63, 512)
ONLY = ("formats", "variants", "marlin", "sanitizer")
Asked: TypeAlias = tuple[str, str, int]  # of FORMS or VARIANTS, the format, tokens


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.gpu.right", description=__doc__)
    common_options(parser)
    parser.add_argument("--only", choices=ONLY, default=ONLY[0])
    given = parsed(parser, arguments)
    if not ready(given.cpu):
        return 1
    file: Path = given.out / f"{given.name or 'right'}.csv"
    looks: dict[str, Callable[[], Iterator[Case]]] = {
        "formats": _formats,
        "variants": _variants,
        "marlin": partial(_marlin, given.marlin),
        "sanitizer": _sanitized,
    }
    kept = read_cases(file)
    for case in looks[given.only]():
        print(case.line, flush=True)
        kept.append(case)
        write_cases(file, kept)
    return 0


def _formats() -> Iterator[Case]:
    from tests.kernels.layers import DEVICE, FORMS

    counts = COUNTS if DEVICE == "cuda" else COUNTS[:1]
    asked = [(form, form, count) for form in FORMS for count in counts]
    return looked_at(asked, _case, _context_is_lost)


def _variants() -> Iterator[Case]:
    from tests.kernels.layers import DEVICE
    from tests.kernels.on_card import VARIANTS

    there = DEVICE == "cuda"
    ways = [name for name, tiling in VARIANTS.items() if there or not tiling.overlap]
    asked = [(name, "int4", count) for name in ways for count in COUNTS[: 3 if there else 1]]
    return looked_at(asked, _case, _context_is_lost)


def looked_at(
    asked: Sequence[Asked], look: Callable[[str, str, int], Case], lost: Callable[[], bool]
) -> Iterator[Case]:
    """Nothing is looked at once a case that broke has lost this process its device."""
    gone = False
    for name, form, count in asked:
        case = Case(name, count, None, why_not=LOST) if gone else look(name, form, count)
        gone = gone or (bool(case.why_not) and lost())
        yield case


def _context_is_lost() -> bool:
    """After some errors of a kernel every further call to the device in this process fails."""
    from tests.kernels.layers import DEVICE

    try:
        torch.zeros(1, device=DEVICE).add_(1).item()
    except RuntimeError:
        return True
    return False


def _case(name: str, form: str, count: int) -> Case:
    from tests.benchmarks.moe.absent import reason
    from tests.kernels.layers import DEVICE
    from tests.kernels.on_card import VARIANTS, case, examine

    there = DEVICE == "cuda"
    try:
        found = examine(case(form, count, VARIANTS.get(name), large=there))
    except Exception as error:
        return Case(name, count, None, why_not=reason(error))
    in_graph = found.in_graph if there else None
    return Case(name, count, found.error, found.repeatable, in_graph, found.counted)


def _sanitized() -> Iterator[Case]:
    from tests.kernels.on_card import TOOLS, sanitizer_s_word

    for tool in TOOLS:
        clean, word = sanitizer_s_word(tool)
        yield Case(f"{SANITIZER} {tool}", 0, None, clean=clean, why_not="" if clean else word)


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
