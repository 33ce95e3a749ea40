"""The pool of connections, on a real Postgres that ends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import psycopg
import pytest
import pytest_asyncio

from assistant.storage.database import POOL_SIZE, Database, open_database
from tests.support.house import until

END_ALL = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


async def test_rows_without_columns_are_counted(database: Database) -> None:
    assert len(await database.rows("SELECT FROM generate_series(1, 3)")) == 3
    assert await database.row("SELECT FROM generate_series(1, 3)") == ()
    assert await database.row("SELECT FROM generate_series(1, 0)") is None


async def test_a_full_pool_of_ended_connections_costs_no_statement(
    database: Database, database_url: str
) -> None:
    """As after a restart of the server: nobody may meet one ended connection after the other."""
    async with AsyncExitStack() as stack:
        for _ in range(POOL_SIZE):
            await stack.enter_async_context(database.transaction(60))
    async with await psycopg.AsyncConnection.connect(database_url) as admin:
        ended = await (await admin.execute(END_ALL)).fetchall()
    assert len(ended) == POOL_SIZE
    assert await database.rows("SELECT 1") == [(1,)]


@pytest.mark.parametrize("steps", range(8))
async def test_a_cancellation_is_heard_also_in_the_moment_in_which_a_connection_comes(
    database: Database, steps: int
) -> None:
    await database.pool.resize(1, 1)
    held = await database.pool.getconn()
    asking = asyncio.create_task(database.rows("SELECT pg_sleep(0.2)"))
    await until(lambda: database.pool.get_stats()["requests_waiting"])
    await database.pool.putconn(held)
    for _ in range(steps):  # of the event loop
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
