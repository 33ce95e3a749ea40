"""Processes of ours: forked by the zygote, killed, frozen, and started again when they die."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.faults.matrix.child import Spec
from tests.faults.matrix.plant import Plant
from tests.support.program import ROOT

ORDER_SECONDS = 10.0


@dataclass(slots=True)
class Zygote:
    """The other end of `zygote.py`."""

    socket: socket.socket
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def spawn(self, spec: Spec) -> Child:
        ours, theirs = socket.socketpair()
        with theirs:
            packet = json.dumps(asdict(spec)).encode()
            async with self._lock:
                socket.send_fds(self.socket, [packet], [theirs.fileno()])
                pid = int(await asyncio.get_running_loop().sock_recv(self.socket, 64))
        ours.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=ours)
        return Child(pid, spec, reader, writer)


@asynccontextmanager
async def zygote() -> AsyncIterator[Zygote]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.matrix.zygote", str(theirs.fileno())),
        pass_fds=[theirs.fileno()],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if "OUTRIDER" not in name},
    )
    theirs.close()
    ours.setblocking(False)
    try:
        yield Zygote(ours)
    finally:
        ours.close()
        process.kill()
        await process.wait()


class Child:
    """One gateway or worker."""

    def __init__(
        self, pid: int, spec: Spec, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.pid = pid
        self.spec = spec
        self.hits: list[float] = []  # when a plant struck, on our monotonic clock
        self.ended = asyncio.Event()
        self._answers: asyncio.Queue[bool] = asyncio.Queue()
        self._writer = writer
        self._handle = _handle(pid)
        self._listening = asyncio.create_task(self._listen(reader))

    async def plant(self, plant: Plant, channel: str) -> None:
        await self.order(plant=plant.as_json(), channel=channel)

    async def order(self, **order: Any) -> bool:
        """False: it died before it could obey."""
        with suppress(OSError, TimeoutError):
            self._writer.write(json.dumps(order).encode() + b"\n")
            async with asyncio.timeout(ORDER_SECONDS):
                return await self._answers.get()
        return False

    def signal(self, number: signal.Signals) -> None:
        if self._handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> float:
        """SIGKILL; returns the moment."""
        self.signal(signal.SIGKILL)
        return time.monotonic()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            async for line in reader:
                fact = json.loads(line)
                if "hit" in fact:
                    self.hits.append(time.monotonic())
                else:
                    self._answers.put_nowait(True)
        self.ended.set()
        self._answers.put_nowait(False)
        self._writer.close()
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def _handle(pid: int) -> int | None:
    """A handle of exactly this process, whoever gets its number later; None: it is gone."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


@dataclass(slots=True)
class Post:
    """A place that is always filled: whoever dies there is followed by another."""

    zygote: Zygote
    spec: Spec
    restart_seconds: float = 0.2
    deaths: int = 0
    child: Child | None = None
    pace: float | None = None
    open: asyncio.Event = field(default_factory=asyncio.Event)  # cleared: nobody follows yet
    _keeping: asyncio.Task[None] | None = None
    _filling: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def begin(self) -> None:
        self.open.set()
        await self._fill()
        self._keeping = asyncio.create_task(self._keep())

    async def end(self) -> None:
        if self._keeping is not None:
            # Never amid a fork: the pid that nobody fetched would be given to who asks next.
            async with self._filling:
                self._keeping.cancel()
                await asyncio.wait({self._keeping})
        if self.child is not None:
            self.child.kill()
            await self.child.ended.wait()
            self.child = None

    @property
    def now(self) -> Child:
        assert self.child is not None, "not begun"
        return self.child

    async def _fill(self) -> None:
        async with self._filling:
            self.child = await self.zygote.spawn(self.spec)
            await self.child.order(pace=self.pace)

    async def _keep(self) -> None:
        while True:
            await self.now.ended.wait()
            self.deaths += 1
            await asyncio.sleep(self.restart_seconds)
            await self.open.wait()
            await self._fill()
