"""What only a GPU can show: graphs, launches that overlap, bf16. Plain functions, so that they run
where there is no pytest; `test_on_card.py` and `make gpu-check` call them.

    python -m tests.kernels.on_card

runs each once on small layers: it is what compute-sanitizer watches.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch

from inference.kernels.moe.layer import routed_experts
from inference.kernels.moe.naive import naive_moe
from inference.kernels.moe.tiling import ANY_NUMBER, Cut, Tiling
from inference.kernels.moe.timing import captured
from tests.kernels.layers import DEVICE, Layer, random_layer, scores, tokens, uniform

REPLAYS = 20
SANITIZER = "compute-sanitizer"
LOOK_SECONDS = 100
_FOUND = 9  # the exit code that we ask of it for a finding
TOOLS = ("memcheck", "racecheck", "initcheck")

_layer = lru_cache(maxsize=1)(random_layer)  # it takes seconds, and cases come by form

# Every way in which kernels start and tokens are found.
VARIANTS = {
    "sorted": Tiling(ANY_NUMBER, Cut(), Cut(splits=4)),
    "direct": Tiling(ANY_NUMBER, Cut(), Cut(splits=4), direct=True),
    "direct, all split": Tiling(ANY_NUMBER, Cut(splits=2), Cut(splits=4), direct=True),
    "direct, overlap": Tiling(ANY_NUMBER, Cut(), Cut(splits=4), direct=True, overlap=True),
    "sorted, overlap": Tiling(ANY_NUMBER, Cut(), Cut(splits=2), overlap=True),
    "wide": Tiling(
        ANY_NUMBER, Cut(128, 64, warps=8, stages=3), Cut(128, 64, warps=8, stages=3), overlap=True
    ),
}


@dataclass(frozen=True, slots=True)
class Found:
    """`error`: ‖ours − naive‖ / ‖naive‖; `repeatable`: twice the same bits; `in_graph`: a graph
    captured with one routing is right with others, each time; `counted`: so many device calls as
    the layer was computed, replays included."""

    error: float
    repeatable: bool
    in_graph: bool
    counted: bool


@dataclass(frozen=True, slots=True)
class Case:
    layer: Layer
    x: torch.Tensor
    weights: torch.Tensor
    ids: torch.Tensor
    tiling: Tiling | None

    def ours(self, ids: torch.Tensor, calls: torch.Tensor | None = None) -> torch.Tensor:
        given = self.x, self.layer.experts, self.weights, ids, self.tiling
        return routed_experts(*given, calls=calls)

    def error(self) -> float:
        """NaN where not every element is a number."""
        exact = (self.x, self.layer.w13, self.layer.w2, self.weights)
        wanted = naive_moe(
            *(one.cpu().double() for one in exact),
            self.ids.cpu(),
            apply_router_weight_on_input=True,
        )
        return float((self.ours(self.ids).cpu().double() - wanted).norm() / wanted.norm())


def case(form: str, count: int, tiling: Tiling | None = None, *, large: bool = True) -> Case:
    """In bf16; on a CPU in fp16, since the interpreter's products of bf16 are wrong. Every ninth
    token's expert is on another rank."""
    dtype = torch.bfloat16 if DEVICE == "cuda" else torch.float16
    hidden, inner, experts = (1024, 1536, 16) if large else (256, 128, 4)
    layer = _layer(form, experts, hidden, inner, dtype)
    ids = uniform(count, experts)
    ids[8::9] = -1
    return Case(layer, tokens(count, hidden, dtype), scores(count), ids, tiling)


def examine(case: Case) -> Found:
    first, again = case.ours(case.ids), case.ours(case.ids)
    in_graph, counted = _graph(case) if DEVICE == "cuda" else (True, _counted(case))
    return Found(case.error(), torch.equal(first, again), in_graph, counted)


def _counted(case: Case) -> bool:
    calls = torch.zeros(1, dtype=torch.int64, device=DEVICE)
    for _ in range(2):
        case.ours(case.ids, calls)
    return calls.tolist() == [2]


def _graph(case: Case) -> tuple[bool, bool]:
    """Whether every replay is right, whatever routing comes into it, and is counted."""
    asked, out = torch.zeros_like(case.ids), torch.empty_like(case.x)
    calls = torch.zeros(1, dtype=torch.int64, device=DEVICE)
    replay = captured([lambda: out.copy_(case.ours(asked, calls))])
    before = int(calls)
    right = True
    for turn in range(REPLAYS):
        ids = torch.where(case.ids < 0, case.ids, (case.ids + turn) % case.layer.w13.shape[0])
        wanted = case.ours(ids)
        asked.copy_(ids)
        out.fill_(float("nan"))
        replay()
        right &= torch.equal(out, wanted)
    return right, int(calls) == before + REPLAYS


def sanitizer_s_word(tool: str) -> tuple[bool | None, str]:
    """Whether it found nothing, None where it could not look, and what it said."""
    if shutil.which(SANITIZER) is None:
        return None, "not here"
    code = ["--error-exitcode", str(_FOUND)]
    command = [SANITIZER, "--tool", tool, *code, sys.executable, "-m", __name__]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=LOOK_SECONDS)
    except subprocess.TimeoutExpired:
        return None, f"could not look: not done after {LOOK_SECONDS} s"
    said = " ".join((ran.stdout + ran.stderr).split())[-400:]
    if ran.returncode == 0:
        return True, "clean"
    if ran.returncode == _FOUND:
        return False, said
    return None, f"could not look (exit code {ran.returncode}): {said}"


def main(names: Sequence[str] = tuple(VARIANTS)) -> None:
    for name in names:
        for count in (1, 9):
            small = case("int4", count, VARIANTS[name], large=False)
            small.ours(small.ids, torch.zeros(1, dtype=torch.int64, device=DEVICE))
    if DEVICE == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
