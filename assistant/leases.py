"""What only one replica may do: a named lease on the database's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import text

from assistant.database import Database
from assistant.errors import StorageUnavailable

log = structlog.get_logger()

Body = Callable[[], Coroutine[Any, Any, None]]

ACQUIRE = text("""
INSERT INTO leases (name, owner, until)
VALUES (:name, :owner, now() + make_interval(secs => :seconds))
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
WHERE leases.owner = excluded.owner OR leases.until < now()
RETURNING name
""")
RELEASE = text("DELETE FROM leases WHERE name = :name AND owner = :owner")


@dataclass(frozen=True, slots=True)
class Leases:
    """`owner` is this process; `seconds` after its silence another may take over."""

    database: Database
    owner: str
    seconds: float

    async def run_while_held(self, name: str, body: Body) -> None:
        """Run `body` whenever, and only while, the lease is ours. Ends only by cancellation,
        or with the exception that `body` raises."""
        while True:
            if not await self._acquire(name):
                await asyncio.sleep(self.seconds / 3)
                continue
            log.info("lease_held", lease=name)
            try:
                async with asyncio.TaskGroup() as group:
                    work = group.create_task(self._run(body))
                    group.create_task(self._renew(name, work))
            finally:
                await self._release(name)
            log.warning("lease_lost", lease=name)

    async def _run(self, body: Body) -> None:
        await body()

    async def _renew(self, name: str, work: asyncio.Task[None]) -> None:
        while not work.done():
            await asyncio.wait({work}, timeout=self.seconds / 3)
            if not work.done() and not await self._acquire(name):
                work.cancel()
                return

    async def _acquire(self, name: str) -> bool:
        values = {"name": name, "owner": self.owner, "seconds": self.seconds}
        try:
            async with asyncio.timeout(self.seconds / 2), self.database.connection() as connection:
                return (await connection.execute(ACQUIRE, values)).first() is not None
        except (StorageUnavailable, TimeoutError):
            return False

    async def _release(self, name: str) -> None:
        with suppress(StorageUnavailable, TimeoutError):
            async with asyncio.timeout(2), self.database.connection() as connection:
                await connection.execute(RELEASE, {"name": name, "owner": self.owner})
