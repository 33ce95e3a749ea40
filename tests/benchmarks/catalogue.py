"""The measurements by name."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from tests.benchmarks import clean_clone, intake, latency, later_start, memory, throughput
from tests.benchmarks.table import Effort, Table

Measurement = Callable[[Effort], Coroutine[Any, Any, Table]]

MEASUREMENTS: Mapping[str, Measurement] = {
    "start": later_start.measure,
    "throughput": throughput.measure,
    "memory": memory.measure,
    "latency": latency.measure,
    "intake": intake.measure,
    "clean-clone": clean_clone.measure,
}
# Downloads gigabytes: only by its name.
ONLY_BY_NAME = frozenset({"clean-clone"})
