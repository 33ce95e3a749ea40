"""What only one replica may do: a named lease on the database's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from assistant.errors import StorageUnavailable
from assistant.storage.database import Database
from assistant.storage.heartbeat import Heartbeat

log = structlog.get_logger()

Body = Callable[[], Coroutine[Any, Any, None]]

ACQUIRE = """
INSERT INTO leases (name, owner, until)
VALUES (%(name)s, %(owner)s, now() + make_interval(secs => %(seconds)s))
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
WHERE leases.owner = excluded.owner OR leases.until < now()
RETURNING name
"""
RELEASE = "DELETE FROM leases WHERE name = %(name)s AND owner = %(owner)s"


@dataclass(frozen=True, slots=True)
class Leases:
    """Leases of this process, renewed by its heartbeat."""

    database: Database
    heartbeat: Heartbeat

    async def run_while_held(self, name: str, body: Body) -> None:
        """Run `body` whenever, and only while, the lease is ours. Ends only by cancellation,
        or with the exception that `body` raises."""
        while True:
            if not await self.acquire(name):
                await asyncio.sleep(self.heartbeat.seconds / 3)
                continue
            log.info("lease_held", lease=name)
            try:
                await self._run(name, body)
            finally:
                await self._release(name)

    async def acquire(self, name: str) -> bool:
        """Ours for the next `heartbeat.seconds`? False also while Postgres can't be asked."""
        seconds = self.heartbeat.seconds
        values = {"name": name, "owner": self.heartbeat.owner, "seconds": seconds}
        try:
            async with asyncio.timeout(seconds / 2):
                return await self.database.row(ACQUIRE, values) is not None
        except (StorageUnavailable, TimeoutError):
            return False

    async def _run(self, name: str, body: Body) -> None:
        work = asyncio.ensure_future(body())
        gone = asyncio.Event()
        with self.heartbeat.holding("lease", name, lost=gone.set):
            losing = asyncio.create_task(gone.wait())
            try:
                await asyncio.wait({work, losing}, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    work.result()
            finally:
                for task in (work, losing):
                    task.cancel()
                await asyncio.wait({work, losing})

    async def _release(self, name: str) -> None:
        with suppress(StorageUnavailable, TimeoutError):
            async with asyncio.timeout(2):
                values = {"name": name, "owner": self.heartbeat.owner}
                await self.database.rows(RELEASE, values)
