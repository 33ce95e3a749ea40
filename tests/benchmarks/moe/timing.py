"""How long something takes on the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from inference.kernels.moe.timing import captured

# Four times the second-level cache of an H100: what was read so long ago is in it no more.
COLD_BYTES = 200 << 20
MOST_COPIES = 4
REPEATS = 40


@dataclass(frozen=True, slots=True)
class Times:
    """In seconds: the 20th, 50th and 80th percentile."""

    p20: float
    p50: float
    p80: float


def copies(least_bytes: int) -> int:
    """How many calls must read memory of their own, so that none finds its own in the cache."""
    return min(MOST_COPIES, -(-COLD_BYTES // least_bytes))


def timed(calls: Sequence[Callable[[], object]]) -> Times:
    """One of `calls`, which do the same on other memory, as one layer of a model after another.

    They are captured together as a CUDA graph and replayed, so that the host's time to launch is
    no part of it; a replay's mean is one value. Nothing is written to empty the cache: it would be
    full of what must go back to memory first, at the cost of whoever comes next.
    """
    if not torch.cuda.is_available():
        return percentiles([_on_the_cpu(call) for call in calls])
    replay = captured(calls)
    pairs = [(_event(), _event()) for _ in range(REPEATS)]
    for begin, end in pairs:
        begin.record()
        replay()
        end.record()
    torch.cuda.synchronize()
    return percentiles([begin.elapsed_time(end) / 1e3 / len(calls) for begin, end in pairs])


def percentiles(seconds: list[float]) -> Times:
    found = torch.tensor(seconds, dtype=torch.float64).quantile(
        torch.tensor([0.2, 0.5, 0.8], dtype=torch.float64)
    )
    return Times(*found.tolist())


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)


def _on_the_cpu(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
