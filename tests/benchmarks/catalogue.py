"""The measurements by name."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from tests.benchmarks import (
    abort,
    admin_pages,
    busy_hour,
    busy_threads,
    clean_clone,
    deltas,
    dispatch,
    fairness,
    history,
    intake,
    latency,
    later_start,
    markdown_answers,
    memory,
    queue,
    ray_scaling,
    slack,
    telegram,
    throughput,
)
from tests.benchmarks.table import Effort, Table

Measurement = Callable[[Effort], Coroutine[Any, Any, Table]]

MEASUREMENTS: Mapping[str, Measurement] = {
    "start": later_start.measure,
    "throughput": throughput.measure,
    "abort": abort.measure,
    "memory": memory.measure,
    "latency": latency.measure,
    "intake": intake.measure,
    "dispatch": dispatch.measure,
    "deltas": deltas.measure,
    "queue": queue.measure,
    "fairness": fairness.measure,
    "telegram": telegram.measure,
    "slack": slack.measure,
    "markdown": markdown_answers.measure,
    "busy-hour": busy_hour.measure,
    "busy-threads": busy_threads.measure,
    "history": history.measure,
    "ray-scaling": ray_scaling.measure,
    "clean-clone": clean_clone.measure,
    "admin": admin_pages.measure,
}
# Gigabytes to download, or to write: only by their names.
ONLY_BY_NAME = frozenset({"clean-clone", "history"})
