"""How long something takes on the device."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

FLUSH_BYTES = 256 << 20  # more than any card's second-level cache


@dataclass(frozen=True, slots=True)
class Times:
    """In seconds: the 20th, 50th and 80th percentile."""

    p20: float
    p50: float
    p80: float


def timed(run: Callable[[], object], repeats: int = 40) -> Times:
    """`run` is captured as a CUDA graph, so that the host's time to launch is no part of it, and
    replayed with a cold cache. On a CPU it is called as it is."""
    if not torch.cuda.is_available():
        return _on_the_cpu(run, min(repeats, 3))
    replay = captured(run)
    flush = torch.empty(FLUSH_BYTES, dtype=torch.int8, device="cuda")
    pairs = [(_event(), _event()) for _ in range(repeats)]
    for begin, end in pairs:
        flush.zero_()
        begin.record()
        replay()
        end.record()
    torch.cuda.synchronize()
    return _percentiles([begin.elapsed_time(end) / 1e3 for begin, end in pairs])


def captured(run: Callable[[], object]) -> Callable[[], None]:
    """A graph of `run`, warmed up. It must not wait for the device."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)


def _on_the_cpu(run: Callable[[], object], repeats: int) -> Times:
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return _percentiles(seconds)


def _percentiles(seconds: list[float]) -> Times:
    found = torch.tensor(seconds, dtype=torch.float64).quantile(
        torch.tensor([0.2, 0.5, 0.8], dtype=torch.float64)
    )
    return Times(*found.tolist())
