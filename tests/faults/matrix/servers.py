"""One lane's own PostgreSQL and Valkey, so that a run may stop them.

Both keep their address over a restart. Valkey keeps nothing, as the embedded one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import ConnectionError

from assistant.storage import schema
from assistant.storage.embedded import embedded_postgres
from assistant.storage.embedded.binaries import valkey_binary
from assistant.storage.embedded.process import Program, running

PASSWORD = "of-the-fault-matrix"


async def make_template(folder: Path) -> None:
    """A PostgreSQL's files with the schema in it, to be copied: initdb takes seconds."""
    async with embedded_postgres(folder) as url:
        await schema.upgrade(url)


@dataclass(slots=True)
class Postgres:
    folder: Path
    url: str = ""
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack, init=False)

    @staticmethod
    def copied(template: Path, folder: Path) -> Postgres:
        shutil.copytree(template / "postgres", folder / "postgres")
        return Postgres(folder)

    async def start(self) -> None:
        self.url = await self._stack.enter_async_context(embedded_postgres(self.folder))

    async def stop(self) -> None:
        """As PostgreSQL's "fast" shutdown does it: everybody is put out, and nothing is open."""
        await self._stack.aclose()

    async def crash(self) -> None:
        """At once, as on a power cut: the next start recovers from the log."""
        lines = (self.folder / "postgres/data/postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), signal.SIGQUIT)
        await self._stack.aclose()


@dataclass(slots=True)
class Valkey:
    folder: Path
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack, init=False)

    @property
    def socket(self) -> Path:
        return self.folder / "v"

    @property
    def url(self) -> str:
        return f"unix://:{PASSWORD}@{self.socket}?db=0"

    async def start(self) -> None:
        lines = (
            "port 0",
            f'unixsocket "{self.socket}"',
            f"requirepass {PASSWORD}",
            'save ""',
            "appendonly no",
            "loglevel warning",
        )
        program = Program(
            title="Valkey",
            command=[valkey_binary(), "-"],
            data_dir=self.folder,
            input="".join(f"{line}\n" for line in lines).encode(),
        )
        await self._stack.enter_async_context(running(program))
        async with Redis.from_url(self.url, socket_timeout=None) as client:
            while True:
                with suppress(ConnectionError):
                    await client.ping()
                    return
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """SIGKILL: nothing is saved, and nobody is told."""
        await self._stack.aclose()

    async def flush(self) -> None:
        async with Redis.from_url(self.url, socket_timeout=None) as client:
            await client.flushall()
