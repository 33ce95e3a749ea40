"""One server process: started by the launcher, watched, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog

from assistant.errors import StartupError
from assistant.storage.embedded import launch
from assistant.storage.embedded.folder import make_private, unwritable

# Called once, with a sentence for people, when a server ended although nobody stopped it.
OnDeath = Callable[[str], None]

_LOG_BYTES = 5_000_000
_logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how.

    `death_signal` is what the kernel sends it when the owner ends. `stop` are the signals of an
    orderly stop, each with the seconds that it gets; what is left then is killed. `unprivileged`
    programs refuse to be root. `held_fds` stay open in the program. `input` is written to its
    standard input. What it prints goes to `logs/` in the data directory.
    """

    title: str
    command: Sequence[str | Path]
    data_dir: Path
    death_signal: signal.Signals = signal.SIGKILL
    stop: Sequence[tuple[signal.Signals, float]] = ()
    unprivileged: bool = False
    held_fds: Sequence[int] = ()
    input: bytes = b""

    @property
    def log(self) -> Path:
        return self.data_dir / "logs" / f"{self.title.lower()}.log"


class ServerProcess:
    """A running `Program`. Made by `running`; every method belongs to the loop that made it."""

    def __init__(self, program: Program, process: asyncio.subprocess.Process, log_start: int):
        self._program = program
        self._process = process
        self._log_start = log_start

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    async def wait(self) -> int:
        return await self._process.wait()

    async def feed(self) -> None:
        """Write all of the program's standard input and close it."""
        stdin = self._process.stdin
        if stdin is None:
            return
        # One that ended already says why in its log.
        with suppress(BrokenPipeError, ConnectionResetError):
            stdin.write(self._program.input)
            await stdin.drain()
            stdin.close()

    async def stop(self) -> None:
        """End it: politely first, in the end by SIGKILL. Returns when it is gone."""
        try:
            for number, seconds in self._program.stop:
                self._signal(number)
                try:
                    async with asyncio.timeout(seconds):
                        await self._process.wait()
                except TimeoutError:
                    _logger.warning("embedded_server_slow_stop", server=self._program.title)
        finally:
            self._signal(signal.SIGKILL)
            await self._process.wait()

    def failure(self) -> StartupError:
        """Why it did not start, in one sentence."""
        if self._process.returncode == launch.ROOT_BARRED:
            return StartupError(
                f"{self._program.title} does not run as root, and this system does not let root "
                "into a user namespace: run Outrider as an ordinary user, or set "
                "OUTRIDER_DATABASE_URL to a PostgreSQL of your own."
            )
        return StartupError(
            f"The embedded {self._program.title} did not start: {self._last_words()} "
            f"(its log is {self._program.log})"
        )

    def death(self) -> str:
        """What happened to it, in one sentence, after it ended by itself."""
        return (
            f"The embedded {self._program.title} ended unexpectedly ({self._how()}); "
            f"its log is {self._program.log}."
        )

    def _how(self) -> str:
        code = self._process.returncode
        if code is not None and code < 0:
            return signal.Signals(-code).name
        return f"exit status {code}"

    def _last_words(self) -> str:
        with self._program.log.open("rb") as log:
            log.seek(self._log_start)
            text = log.read().decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        fatal = [line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line]
        return (fatal or lines or [self._how()])[-1]

    def _signal(self, number: signal.Signals) -> None:
        if not self.ended:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


@asynccontextmanager
async def running(program: Program) -> AsyncIterator[ServerProcess]:
    """Run a program for as long as the block; afterwards it is gone, whatever happened.

    Raises StartupError where its log can't be written. The running loop's thread is the one
    whose end takes the program with it (see launch.py).
    """
    server = await _start(program)
    try:
        await server.feed()
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def watched(server: ServerProcess, on_death: OnDeath | None) -> AsyncIterator[None]:
    """Tell `on_death` if the server ends inside the block."""
    watch = asyncio.create_task(_report_death(server, on_death))
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.wait([watch])


async def _report_death(server: ServerProcess, on_death: OnDeath | None) -> None:
    await server.wait()
    sentence = server.death()
    _logger.error("embedded_server_died", pid=server.pid, reason=sentence)
    if on_death is not None:
        on_death(sentence)


async def _start(program: Program) -> ServerProcess:
    try:
        log = _open_log(program.log)
    except OSError as error:
        raise unwritable(program.data_dir, error) from error
    with log:
        log_start = log.tell()
        process = await asyncio.create_subprocess_exec(
            *_launcher(program),
            stdin=asyncio.subprocess.PIPE if program.input else asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=program.data_dir,
            env=_environment(os.environ),
            # Ctrl-C reaches a terminal's whole process group; servers go last, when they are told.
            start_new_session=True,
            pass_fds=tuple(program.held_fds),
        )
    return ServerProcess(program, process, log_start)


def _launcher(program: Program) -> list[str]:
    leave_root = [launch.LEAVE_ROOT] if program.unprivileged and os.geteuid() == 0 else []
    return [
        *(sys.executable, "-I", "-S", launch.__file__),
        *(str(os.getpid()), str(int(program.death_signal))),
        *leave_root,
        *map(str, program.command),
    ]


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """Nearly nothing: no PG* variables that bend a server, and none of Outrider's secrets."""
    kept = {name: own[name] for name in ("PATH", "HOME", "TMPDIR") if name in own}
    return kept | {"LC_ALL": "C"}


def _open_log(path: Path) -> BinaryIO:
    """Append to the log; a long one becomes `….1` first, so that two are kept at most."""
    make_private(path.parent)
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    log = os.fdopen(descriptor, "ab")
    log.seek(0, os.SEEK_END)
    return log
