"""Memory of a gateway alone, and of everything with the demo model, after some messages.

A process's share counts each page by how many processes have it mapped (Pss): PostgreSQL's
processes share their buffers, and a sum of their resident sizes would count those many times.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assistant.storage import schema
from assistant.storage.embedded import embedded_postgres, embedded_valkey
from inference.processes import with_descendants
from tests.benchmarks.program import DEMO, demo_data_dir, scratch, started
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.benchmarks.web_chat import web_chat
from tests.support.program import Program

MESSAGES = 8
SETTLE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes of one process."""

    kind: str  # postgres, valkey, engine, outrider
    share: int
    resident: int


async def measure(effort: Effort) -> Table:
    repetitions = effort.repetitions(3)
    gateways = [await _gateway() for _ in range(repetitions)]
    wholes = [await _everything() for _ in range(repetitions)]
    parts = [_by_kind(whole) for whole in wholes]
    rows = [
        Row(
            "gateway, resident",
            "MB",
            [sum(one.resident for one in gateway) / 1e6 for gateway in gateways],
            Target("at most", 250),
        ),
        Row(
            "gateway, share",
            "MB",
            [sum(one.share for one in gateway) / 1e6 for gateway in gateways],
        ),
        Row(
            "everything with the demo model, share",
            "GB",
            [sum(one.share for one in whole) / 1e9 for whole in wholes],
            Target("at most", 6),
        ),
        *(
            Row(f"of it {kind}", "GB", [part[kind] / 1e9 for part in parts])
            for kind in ("engine", "outrider", "postgres", "valkey")
        ),
    ]
    return Table("Memory", rows, [f"after {MESSAGES} answers, and {SETTLE_SECONDS:g} s of rest"])


async def _gateway() -> list[Footprint]:
    """A gateway that had its messages answered by a worker in another process."""
    with scratch() as folder:
        async with embedded_postgres(folder) as postgres, embedded_valkey(folder) as redis:
            await schema.upgrade(postgres)
            settings = {"DATABASE_URL": postgres, "REDIS_URL": redis}
            worker = Program(folder / "worker", settings, command=("worker",))
            worker.start()
            try:
                gateway = Program(folder / "gateway", settings, command=("gateway",))
                async with started(gateway):
                    return await _after_messages(gateway)
            finally:
                worker.end()


async def _everything() -> list[Footprint]:
    with scratch() as folder:
        async with started(Program(await demo_data_dir(folder), DEMO)) as program:
            return await _after_messages(program)


async def _after_messages(program: Program) -> list[Footprint]:
    async with web_chat(program.url) as chat:
        await chat.ask_at_once(["Tell me something about the sea."] * MESSAGES)
    await asyncio.sleep(SETTLE_SECONDS)
    return [_footprint(one.pid) for one in with_descendants([program.process.pid])]


def _footprint(pid: int) -> Footprint:
    sizes: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value, *_ = line.split()
        sizes[name] = int(value) * 1024
    return Footprint(_kind(pid), sizes["Pss:"], sizes["Rss:"])


def _kind(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    if "postgres" in command:
        return "postgres"
    if "valkey" in command:
        return "valkey"
    return "outrider" if "bots.cli" in command else "engine"


def _by_kind(footprints: list[Footprint]) -> Mapping[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for one in footprints:
        sums[one.kind] += one.share
    return sums
