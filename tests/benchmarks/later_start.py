"""A later start: `outrider run` with the demo model already built, to a good /readyz."""

from __future__ import annotations

import time

from tests.benchmarks.program import DEMO, demo_data_dir, scratch, started
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.support.program import Program


async def measure(effort: Effort) -> Table:
    values = []
    with scratch() as folder:
        data_dir = await demo_data_dir(folder)
        # The first start makes the database and is no later one; it isn't counted.
        for _ in range(1 + effort.repetitions(3)):
            begun = time.perf_counter()
            async with started(Program(data_dir, DEMO)):
                values.append(time.perf_counter() - begun)
    return Table(
        "A later start",
        [Row("process started to /readyz", "s", values[1:], Target("at most", 45))],
        [f"the first start on a new data directory, model built before: {values[0]:.1f} s"],
    )
