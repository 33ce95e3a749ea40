"""What is done on a GPU, in the order in which it matters: the machine may be taken away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_RIGHT, _MOE = "tests.benchmarks.gpu.right", "tests.benchmarks.moe"
_FEW = ("1", "2", "4", "8", "16", "32", "64")
_MANY = ("128", "256", "512", "1024", "2048", "4096")
_RIVALS = ("Marlin", "vLLM Triton", "torch grouped")
LEAST_SECONDS = 20  # with less left no step is begun


@dataclass(frozen=True, slots=True)
class Step:
    """`seconds`: after so many it is broken off, for those that come later."""

    what: str
    module: str
    arguments: Sequence[str]
    seconds: float = 60


def _timed(what: str, layer: str, routing: str, tokens: Sequence[str], *who: str) -> Step:
    return Step(
        what,
        _MOE,
        (
            *("--append", "--layers", layer, "--routings", routing),
            *("--tokens", *tokens, "--providers", *who),
        ),
        90,
    )


def _each(
    what: str, layer: str, routing: str, tokens: Sequence[str], who: Sequence[str]
) -> Sequence[Step]:
    """A step for each: whoever spoils the device spoils it for none of the others."""
    return [_timed(f"{what}, {one}", layer, routing, tokens, one) for one in who]


ON_A_GPU: Sequence[Step] = (
    Step("are ours right in each format", _RIGHT, ("--only", "formats"), 200),
    Step("are ours right in each way to start", _RIGHT, ("--only", "variants"), 90),
    Step("does stock's call of Marlin weight twice", _RIGHT, ("--only", "marlin")),
    *_each("Scout, few tokens", "Scout", "uniform", _FEW, ("ours int4", *_RIVALS)),
    *_each("Scout, many tokens", "Scout", "uniform", _MANY, ("ours int4", *_RIVALS)),
    _timed("Maverick, few tokens, ours", "Maverick", "uniform", _FEW, "ours int4"),
    *_each("Maverick", "Maverick", "uniform", (*_FEW, *_MANY), _RIVALS[:2]),
    *_each("Scout, skewed", "Scout", "skewed", (*_FEW, *_MANY), ("ours int4", *_RIVALS[:2])),
    _timed("Maverick, many tokens, ours", "Maverick", "uniform", _MANY, "ours int4"),
    _timed("Scout, other formats", "Scout", "uniform", (*_FEW, *_MANY), "ours fp8", "ours bf16"),
    Step("memory errors and races", _RIGHT, ("--only", "sanitizer"), 300),
)
_ON_A_CPU = ("--cpu", "--append", "--routings", "uniform", "--providers")
ON_A_CPU: Sequence[Step] = (
    Step("are ours right in each format", _RIGHT, ("--cpu", "--only", "formats"), 200),
    Step("are ours right in each way to start", _RIGHT, ("--cpu", "--only", "variants"), 90),
    Step("ours", _MOE, (*_ON_A_CPU, "ours int4"), 90),
    Step("others", _MOE, (*_ON_A_CPU, *_RIVALS), 90),
)


def in_turn(
    steps: Sequence[Step], shared: Callable[[Step], Sequence[str]], seconds: float
) -> Iterator[tuple[Step, str]]:
    """Each step, when it is over, with what went wrong, or ''. `shared`: further arguments of a
    step; `seconds`: for all of them together."""
    ends = time.monotonic() + seconds
    for step in steps:
        left = ends - time.monotonic()
        print(f"\n== {step.what} ({left:,.0f} s left)", flush=True)
        if left < LEAST_SECONDS:
            yield step, "no time was left"
        else:
            yield step, done(step, shared(step), min(left, step.seconds))


def done(step: Step, shared: Sequence[str], seconds: float) -> str:
    """What went wrong, or ''. In a process of its own, whose output is shown."""
    command = [sys.executable, "-m", step.module, *step.arguments, *shared]
    with subprocess.Popen(command, cwd=ROOT, process_group=0) as child:
        try:
            code = child.wait(seconds)
        except subprocess.TimeoutExpired:
            return f"broken off after {seconds:,.0f} s"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # what it started, too
    return "" if code == 0 else f"broke, with exit code {code}"
