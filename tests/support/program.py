"""Outrider as a person starts it: `python -m bots.cli …` as a process, watched from outside."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
# How long a thing may hang before the test gives up; nothing is measured by them.
START_SECONDS = 60.0
END_SECONDS = 10.0


@dataclass
class Program:
    """One Outrider. `settings` are the environment's names without `OUTRIDER_`."""

    data_dir: Path
    settings: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ("run",)
    module: str = "bots.cli"  # what is started in its place
    folder: Path | None = None  # where it is started; `.env` and the TOML file are read there

    def __post_init__(self) -> None:
        self.folder = self.folder or self.data_dir.parent
        self._output = self.folder / f"{self.data_dir.name}-{time.monotonic_ns()}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        # With bytecode kept, as people start it: without, each start compiles all of Outrider anew.
        left = {"PYTHONDONTWRITEBYTECODE"}
        left |= {name for name in os.environ if "OUTRIDER" in name}
        kept = {name: value for name, value in os.environ.items() if name not in left}
        ours = {"PORT": "0", "ENGINE__PROFILE": "scripted", "DATA_DIR": str(self.data_dir)}
        ours |= self.settings
        named = {f"OUTRIDER_{name}": value for name, value in ours.items()}
        return {**kept, **named, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}

    def start(self) -> None:
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.module, *self.command],
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # all that it starts can be found, and ended
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    @property
    def output(self) -> str:
        """Everything that it said so far, on stdout and stderr."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    @property
    def url(self) -> str:
        """The address that it listens on, read from what it leaves for `outrider ask`."""
        return str(json.loads((self.data_dir / "server.json").read_text())["url"])

    @property
    def key(self) -> str:
        return (self.data_dir / "api-key").read_text().strip()

    async def until_ready(self, seconds: float = START_SECONDS) -> None:
        """Started, and with a worker: a message that comes now would be answered."""
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            await self.until(self._announced)
            async with asyncio.timeout(seconds):
                while not (await client.get(f"{self.url}/readyz")).is_success:
                    self._must_run()
                    await asyncio.sleep(0.05)

    async def until(self, condition: Callable[[], object], seconds: float = START_SECONDS) -> None:
        """Wait until `condition` holds, while the program runs."""
        deadline = time.monotonic() + seconds
        while not condition():
            self._must_run()
            assert time.monotonic() < deadline, self.output
            await asyncio.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self, seconds: float = END_SECONDS) -> int:
        """Its exit status, once it has ended by itself."""
        return await asyncio.to_thread(self.process.wait, seconds)

    async def refusal(self) -> str:
        """What it says when it does not start: the whole output, which must be without traces."""
        self.start()
        status = await self.ended(START_SECONDS)
        assert status == 1, self.output
        assert "Traceback" not in self.output, self.output
        return self.output

    def left_over(self) -> set[int]:
        """Processes that it started and that are still there."""
        started = {pid for pid in processes() if _is_of(pid, self.process.pid, self.data_dir)}
        return started - {self.process.pid}

    def end(self) -> None:
        """Whatever became of it: nothing of it stays behind the test."""
        if self._process is None:
            return
        for pid in (self._process.pid, *self.left_over()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def _announced(self) -> bool:
        """Whether server.json is there and its own: a killed one leaves its behind."""
        try:
            said = json.loads((self.data_dir / "server.json").read_text())
        except OSError:
            return False
        return bool(said["pid"] == self.process.pid)

    def _must_run(self) -> None:
        assert self.process.poll() is None, self.output


@contextmanager
def programs() -> Iterator[Callable[..., Program]]:
    """Makes programs that end with the block."""
    made: list[Program] = []

    def make(data_dir: Path, **values: Any) -> Program:
        made.append(Program(data_dir, **values))
        return made[-1]

    try:
        yield make
    finally:
        for one in made:
            one.end()


def processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _is_of(pid: int, leader: int, data_dir: Path) -> bool:
    """Of the leader's session, or at work in the data directory; a zombie is gone."""
    try:
        state, _, _, session = _stat(pid)
        at_work = Path(f"/proc/{pid}/cwd").readlink().is_relative_to(data_dir)
    except OSError:
        return False
    return state != "Z" and (session == leader or at_work)


def _stat(pid: int) -> tuple[str, int, int, int]:
    """State, parent, group and session of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return fields[0], int(fields[1]), int(fields[2]), int(fields[3])


async def stream(
    program: Program, question: str, headers: dict[str, str] | None = None
) -> AsyncIterator[str]:
    """Pieces of an answer, as /v1/chat/completions sends them."""
    body = {"model": "any", "stream": True, "messages": [{"role": "user", "content": question}]}
    sent = {"authorization": f"Bearer {program.key}"} | (headers or {})
    async with (
        httpx.AsyncClient(timeout=30, trust_env=False) as client,
        client.stream(
            "POST", f"{program.url}/v1/chat/completions", json=body, headers=sent
        ) as response,
    ):
        assert response.is_success, await response.aread()
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                choices = json.loads(line.removeprefix("data: ")).get("choices") or []
                if choices and (piece := choices[0]["delta"].get("content")):
                    yield piece
