"""How a worker process of vLLM tells the program how far its start is.

vLLM builds its engine in one call that returns when all is done. The worker that it starts is ours
(`worker.py`) and names each thing that it begins over a socket in a private folder. Where
nobody can listen (a worker on another host) nothing is said.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from inference.api import Progress

REPORT_TO = "OUTRIDER_START_REPORTS"  # in the environment: the socket's path

LOADING_WEIGHTS = "loading the weights"
MEASURING_MEMORY = "measuring the memory"
ALLOCATING_CACHE = "allocating the cache"
CAPTURING = "compiling and capturing"
_PHASES = (LOADING_WEIGHTS, MEASURING_MEMORY, ALLOCATING_CACHE, CAPTURING)
_KNOWN = {phase.encode(): phase for phase in _PHASES}


def report(phase: str) -> None:
    """Say that `phase` begins. Never waits and never fails."""
    address = os.environ.get(REPORT_TO)
    if address:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(phase.encode(), address)


class _Hearing(asyncio.DatagramProtocol):
    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data in _KNOWN:
            self._progress(_KNOWN[data], None)


@asynccontextmanager
async def reports(progress: Progress) -> AsyncIterator[dict[str, str]]:
    """Pass what workers report to `progress`; yields what they need in their environment, which is
    nothing where no socket can be had (a temporary folder with too long a path)."""
    folder = Path(tempfile.mkdtemp(prefix="outrider-"))
    path = str(folder / "start")
    # Made here, since uvloop, which a replica of Ray Serve runs in, binds no path by itself.
    hearing = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    transport: asyncio.BaseTransport | None = None
    try:
        hearing.setblocking(False)
        hearing.bind(path)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Hearing(progress), sock=hearing
        )
    except OSError:
        path = ""
    try:
        yield {REPORT_TO: path}
    finally:
        if transport is not None:
            transport.close()
        hearing.close()
        shutil.rmtree(folder, ignore_errors=True)
