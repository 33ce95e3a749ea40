"""How long the layer takes on this card, as a decoding step meets it: in a graph, weights cold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch

Run: TypeAlias = Callable[[], object]
# Seconds of one run, of several that are made one after the other.
Timer: TypeAlias = Callable[[Sequence[Run]], float]

_SECONDS = 0.05  # spent on replays, about
_REPLAYS = range(3, 31)


def replayed(runs: Sequence[Run]) -> float:
    """The median time of one of these runs, captured together in a CUDA graph and replayed.

    Several in one graph cost what they cost in a step: the events' own time is shared out, and
    the gaps between launches are in it. They must read different weights, more than the
    second-level cache holds: then it is cold without being flushed, and flushing by writing would
    leave lines in it that are written back while the next run is timed.
    """
    replay = captured(runs)
    first = max(_elapsed(replay), 1e-6)
    times = sorted(_elapsed(replay) for _ in range(_clamped(int(_SECONDS / first), _REPLAYS)))
    return times[len(times) // 2] / len(runs)


def captured(runs: Sequence[Run]) -> Run:
    """A graph of all runs in turn, warmed up. None may wait for the device."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for run in runs:
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for run in runs:
            run()
    graph.replay()
    return graph.replay  # type: ignore[no-any-return]


def _elapsed(replay: Run) -> float:
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    replay()
    end.record()
    torch.cuda.synchronize()
    return float(begin.elapsed_time(end)) / 1e3


def _clamped(number: int, bounds: range) -> int:
    return max(bounds.start, min(number, bounds.stop - 1))
