"""What only one replica may do, on a real Postgres."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from assistant.storage.database import Database, open_database
from assistant.storage.leases import Leases
from tests.support.house import Heartbeats, until

Replica = Callable[[str], Leases]


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


@pytest_asyncio.fixture
async def replica(database: Database, database_url: str) -> AsyncIterator[Replica]:
    """Makes the leases of a replica, with its own heartbeat."""
    heartbeats = Heartbeats(database_url, 0.6)
    yield lambda name: Leases(database, heartbeats.of(name))
    await heartbeats.end()


class Work:
    """Notes who is at it."""

    def __init__(self) -> None:
        self.now: set[str] = set()
        self.begun: list[str] = []
        self.together = False

    async def __call__(self, name: str) -> None:
        self.now.add(name)
        self.begun.append(name)
        self.together |= len(self.now) > 1
        try:
            await asyncio.Event().wait()
        finally:
            self.now.discard(name)


async def test_only_one_works_and_another_takes_over_when_it_ends(replica: Replica) -> None:
    work = Work()
    replicas = {
        name: asyncio.create_task(
            replica(name).run_while_held("poll", lambda name=name: work(name))
        )
        for name in ("a", "b")
    }
    await until(lambda: work.now)
    await asyncio.sleep(1.0)
    (first,) = work.now
    replicas[first].cancel()
    await until(lambda: work.now and first not in work.now)
    for task in replicas.values():
        task.cancel()
    await asyncio.gather(*replicas.values(), return_exceptions=True)
    assert sorted(work.begun) == ["a", "b"]
    assert not work.together


async def test_who_lost_the_lease_stops_working(database: Database, replica: Replica) -> None:
    work = Work()
    leases = replica("a")
    task = asyncio.create_task(leases.run_while_held("poll", lambda: work("a")))
    await until(lambda: work.now)
    await database.rows("UPDATE leases SET owner = 'b', until = now() + interval '1 minute'")
    await until(lambda: not work.now)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_fault_of_the_work_comes_out(replica: Replica) -> None:
    async def broken() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await replica("a").run_while_held("poll", broken)


async def test_a_busy_event_loop_keeps_its_lease(replica: Replica) -> None:
    work = Work()
    busy = asyncio.create_task(replica("a").run_while_held("poll", lambda: work("a")))
    await until(lambda: work.now)
    other = replica("b")
    time.sleep(1.5)  # noqa: ASYNC251 - more than two leases without a step of the loop
    assert not await other.acquire("poll")
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)
