"""What is done on a GPU, in the order in which it matters: the machine may be taken away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
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
    what: str
    module: str
    arguments: Sequence[str]


def _timed(what: str, layer: str, routing: str, tokens: Sequence[str], *who: str) -> Step:
    return Step(
        what,
        _MOE,
        (
            *("--append", "--layers", layer, "--routings", routing),
            *("--tokens", *tokens, "--providers", *who),
        ),
    )


ON_A_GPU: Sequence[Step] = (
    Step("are ours right", _RIGHT, ()),
    Step("does stock's call of Marlin weight twice", _RIGHT, ("--only", "marlin")),
    _timed("Scout, few tokens, ours", "Scout", "uniform", _FEW, "ours int4"),
    _timed("Scout, few tokens, others", "Scout", "uniform", _FEW, *_RIVALS),
    _timed("Scout, many tokens", "Scout", "uniform", _MANY, "ours int4", *_RIVALS),
    _timed("Maverick, few tokens", "Maverick", "uniform", _FEW, "ours int4", *_RIVALS[:2]),
    _timed("Scout, skewed", "Scout", "skewed", (*_FEW, *_MANY), "ours int4", *_RIVALS[:2]),
    _timed("Maverick, many tokens", "Maverick", "uniform", _MANY, "ours int4", *_RIVALS[:2]),
    _timed("Scout, other formats", "Scout", "uniform", (*_FEW, *_MANY), "ours fp8", "ours bf16"),
    Step("memory errors and races", _RIGHT, ("--only", "sanitizer")),
)
_ON_A_CPU = ("--cpu", "--append", "--routings", "uniform", "--providers")
ON_A_CPU: Sequence[Step] = (
    Step("are ours right", _RIGHT, ("--cpu",)),
    Step("ours", _MOE, (*_ON_A_CPU, "ours int4")),
    Step("others", _MOE, (*_ON_A_CPU, *_RIVALS)),
)


def done(step: Step, shared: Sequence[str], seconds: float) -> str:
    """What went wrong, or ''. In a process of its own, whose output is shown."""
    command = [sys.executable, "-m", step.module, *step.arguments, *shared]
    with subprocess.Popen(command, cwd=ROOT, process_group=0) as child:
        try:
            code = child.wait(seconds)
        except subprocess.TimeoutExpired:
            return "broken off when the time was over"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # what it started, too
    return "" if code == 0 else f"broke, with exit code {code}"
