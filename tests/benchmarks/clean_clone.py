"""From `git clone` to the first answer, with nothing kept from before: no packages, no model.

Only asked for by name, because it downloads what a new machine downloads.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from tests.benchmarks.machine import ROOT
from tests.benchmarks.program import scratch
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.support.program import processes

QUESTION = "What is the capital of France?"
LIMIT_SECONDS = 1800.0
POLL_SECONDS = 0.1


@dataclass(slots=True)
class Clock:
    """Seconds between the moments that are named, and from the first to the last."""

    begun: float = field(default_factory=time.perf_counter)
    phases: dict[str, float] = field(default_factory=dict)

    def reached(self, name: str) -> None:
        self.phases[name] = time.perf_counter() - self.begun - self.total

    @property
    def total(self) -> float:
        return sum(self.phases.values())


async def measure(effort: Effort) -> Table:
    with scratch() as folder:
        clock, answer = await asyncio.to_thread(_first_light, folder)
    rows = [Row(name, "s", [seconds]) for name, seconds in clock.phases.items()]
    return Table(
        "From a clean clone to the first answer",
        [*rows, Row("together", "s", [clock.total], Target("at most", 300))],
        ["packages and model are downloaded anew (pip's cache is off)", f"it answered: {answer}"],
    )


def _first_light(folder: Path) -> tuple[Clock, str]:
    clone, data_dir, port = folder / "outrider", folder / "data", _free_port()
    environment = _environment(data_dir, port)
    clock = Clock()
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True, timeout=LIMIT_SECONDS)
    clock.reached("git clone")
    with (folder / "log").open("wb") as log:
        made = subprocess.Popen(
            ["make", "run"],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # all that it starts can be found, and ended
        )
    try:
        wait = _Waiting(made, folder / "log")
        wait.until((clone / ".venv" / "outrider-installed.json").exists)
        clock.reached("install")
        wait.until(lambda: any((data_dir / "models").glob("demo-*/outrider-model.json")))
        clock.reached("servers, and the model's build")
        wait.until(lambda: _is_ready(port))
        clock.reached("engine's start")
        answer = _ask(clone, environment)
        clock.reached("first answer")
        return clock, answer
    finally:
        _end(made)
        shutil.rmtree(clone, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Waiting:
    made: subprocess.Popen[bytes]
    log: Path

    def until(self, reached: Callable[[], bool]) -> None:
        """Raises RuntimeError, with what it said, when it ends or takes too long."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while not reached():
            if self.made.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self.log.read_text(errors="replace")[-4000:])
            time.sleep(POLL_SECONDS)


def _environment(data_dir: Path, port: int) -> dict[str, str]:
    left_out = ("OUTRIDER", "VIRTUAL_ENV", "PYTHONPATH", "MAKE", "MFLAGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return kept | {
        "OUTRIDER_DATA_DIR": str(data_dir),
        "OUTRIDER_PORT": str(port),
        "PIP_NO_CACHE_DIR": "1",
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _is_ready(port: int) -> bool:
    try:
        opener = build_opener(ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, URLError):
        return False


def _ask(clone: Path, environment: dict[str, str]) -> str:
    asked = subprocess.run(
        [str(clone / ".venv" / "bin" / "outrider"), "ask", QUESTION],
        cwd=clone,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    return asked.stdout.strip()


def _end(made: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C ends it; what is left of its session after that is killed."""
    with suppress(ProcessLookupError):
        os.killpg(made.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        made.wait(20)
    for pid in processes():
        with suppress(ProcessLookupError):
            if os.getsid(pid) == made.pid:
                os.kill(pid, signal.SIGKILL)
    made.wait()
