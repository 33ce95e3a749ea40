"""The processes that an engine starts, and their certain end. Linux only, by /proc."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

END_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class EngineProcess:
    """A process by its id and its start, in clock ticks since boot: ids are used again."""

    pid: int
    started: int

    def is_running(self) -> bool:
        found = _read(self.pid)
        return found is not None and found.started == self.started and not found.ended


def multiprocessing_children() -> set[int]:
    """Our children by multiprocessing: engine cores, never the database or other servers."""
    return {child.pid for child in multiprocessing.active_children() if child.pid is not None}


def with_descendants(roots: Iterable[int]) -> set[EngineProcess]:
    """The living processes among `roots`, and all below them."""
    stats = {int(path.name): _read(int(path.name)) for path in Path("/proc").glob("[0-9]*")}
    found: set[EngineProcess] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        stat = stats.get(pid)
        if stat is not None:
            found.add(EngineProcess(pid, stat.started))
            waiting.extend(other for other, at in stats.items() if at and at.parent == pid)
    return found


def end_processes(processes: Iterable[EngineProcess]) -> None:
    """Kill those that still run and wait until they are gone, END_SECONDS at most. Blocks."""
    running = [process for process in processes if process.is_running()]
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    until = time.monotonic() + END_SECONDS
    while any(process.is_running() for process in running) and time.monotonic() < until:
        time.sleep(0.01)
    multiprocessing.active_children()  # reaps the ended ones


class _Stat(NamedTuple):
    ended: bool  # a zombie, of which no thread is left that still gives memory back
    parent: int
    started: int


def _read(pid: int) -> _Stat | None:
    """None when there is no such process. The fields are proc(5)'s, from the third on."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return _Stat(fields[0] == "Z" and int(fields[17]) <= 1, int(fields[1]), int(fields[19]))
