"""Outrider as a process to be measured."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from tests.benchmarks.machine import ROOT
from tests.support.program import Program

DEMO = {"ENGINE__PROFILE": "demo"}
# How long a thing may hang before the measurement gives up; nothing is measured by them.
READY_SECONDS = 600.0
END_SECONDS = 20.0

_opener = build_opener(ProxyHandler({}))


@contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="outrider-bench-") as folder:
        yield Path(folder)


@asynccontextmanager
async def started(program: Program) -> AsyncIterator[Program]:
    """Started and ready for the block; ended as Ctrl-C ends it, or else killed."""
    program.start()
    try:
        await until_ready(program)
        yield program
        await _ended(program)
    finally:
        program.end()


async def _ended(program: Program) -> None:
    """Raises RuntimeError, with the last that it said, when it doesn't end."""
    program.signal(signal.SIGINT)
    try:
        await program.ended(END_SECONDS)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"it didn't end on Ctrl-C:\n{program.output[-4000:]}") from None


async def until_ready(program: Program) -> None:
    await program.until(lambda: is_ready(program), READY_SECONDS)


def is_ready(program: Program) -> bool:
    try:
        said = json.loads((program.data_dir / "server.json").read_text())
        if said["pid"] != program.process.pid:  # a killed one's
            return False
        with _opener.open(f"{said['url']}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, URLError, ValueError):
        return False


async def demo_data_dir(folder: Path) -> Path:
    """A fresh data directory in `folder` with the tests' demo model, which is built if need be.

    In a process of its own: torch, imported here, would share its pages with what is measured.
    """
    built = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.benchmarks.demo_model"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=READY_SECONDS,
        check=True,
    )
    model = Path(built.stdout.splitlines()[-1])
    (folder / "data" / "models").mkdir(parents=True)
    (folder / "data" / "models" / model.name).symlink_to(model)
    return folder / "data"
