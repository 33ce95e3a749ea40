"""A later start: `outrider run` with the demo model already built, to a good /readyz."""

from __future__ import annotations

import asyncio
import time
from urllib.request import ProxyHandler, build_opener

from prometheus_client.parser import text_string_to_metric_families

from tests.benchmarks.program import DEMO, demo_data_dir, scratch, started
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.support.program import Program

_START = "outrider_engine_start_seconds"
_opener = build_opener(ProxyHandler({}))


async def measure(effort: Effort) -> Table:
    values = []
    phases: dict[str, list[float]] = {}
    with scratch() as folder:
        data_dir = await demo_data_dir(folder)
        # The first start makes the database and is no later one; it isn't counted.
        for number in range(1 + effort.repetitions(3)):
            begun = time.perf_counter()
            async with started(Program(data_dir, DEMO)) as program:
                values.append(time.perf_counter() - begun)
                for phase, seconds in await asyncio.to_thread(_phases, program.url):
                    if number:
                        phases.setdefault(phase, []).append(seconds)
    rows = [Row("process started to /readyz", "s", values[1:], Target("at most", 45))]
    return Table(
        "A later start",
        [*rows, *(Row(f"of it the engine: {phase}", "s", some) for phase, some in phases.items())],
        [
            f"the first start on a new data directory, model built before: {values[0]:.1f} s",
            "the engine's phases are its own figures, from /metrics",
        ],
    )


def _phases(url: str) -> list[tuple[str, float]]:
    """The engine's start by phase, in the order of /metrics."""
    with _opener.open(f"{url}/metrics", timeout=5) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    found = [one for family in families if family.name == _START for one in family.samples]
    return [(one.labels["phase"], one.value) for one in found]
