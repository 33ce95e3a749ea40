"""The way to Postgres. What must hold together is one statement, or one transaction."""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy.engine import make_url

from assistant.errors import StartupError, StorageUnavailable

CONNECT_SECONDS = 5
POOL_SIZE = 20
PING_SECONDS = 1.0
STATEMENT_SECONDS = 10.0  # no statement of ours takes so long; a server that is silent does
# libpq's own limits, so that a server that vanished without a word is noticed.
CONNECTING = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
# Nothing is prepared unless it is asked for (None would bar that as well): a plan that PostgreSQL
# keeps was made while a table, or the part of it that an index covers, was empty. Reading it whole
# costs nothing then, and everything once thousands wait.
NEVER_PREPARED = 2**31

Connection = psycopg.AsyncConnection[Any]  # its rows are named tuples


def conninfo(url: str) -> str:
    """The URL as libpq reads it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def sqlalchemy_url(url: str) -> str:
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


@dataclass(frozen=True, slots=True)
class Database:
    """At most POOL_SIZE connections to one Postgres.

    Statements have psycopg's places (`%(name)s`). All raise StorageUnavailable when Postgres can't
    be reached, or is silent for longer than the time allowed.
    """

    pool: AsyncConnectionPool[Connection]

    async def rows(
        self, statement: str, values: Mapping[str, object] | None = None
    ) -> Sequence[Any]:
        """One statement, which is a transaction of its own."""
        async with self._connection(STATEMENT_SECONDS) as connection:
            return await rows(connection, statement, values)

    async def row(
        self,
        statement: str,
        values: Mapping[str, object] | None = None,
        *,
        prepare: bool | None = None,
    ) -> Any | None:
        """The first row of `rows`. `prepare`: keep its plan, which is good whenever it was made."""
        async with self._connection(STATEMENT_SECONDS) as connection:
            return await row(connection, statement, values, prepare=prepare)

    @asynccontextmanager
    async def transaction(self, seconds: float = STATEMENT_SECONDS) -> AsyncIterator[Connection]:
        """Several statements that hold together, or none of them. See `rows` and `row`."""
        async with self._connection(seconds) as connection, connection.transaction():
            yield connection

    async def ping(self) -> bool:
        """Whether it answers, and soon: who asks has little time."""
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self.rows("SELECT 1")
        except (StorageUnavailable, TimeoutError):
            return False
        return True

    @asynccontextmanager
    async def _connection(self, seconds: float) -> AsyncIterator[Connection]:
        asked = _cancellations()
        try:
            async with asyncio.timeout(seconds), self.pool.connection() as connection:
                if _cancellations() > asked:  # the pool waits by wait_for(), which swallowed it
                    raise asyncio.CancelledError
                yield connection
        except (psycopg.Error, PoolTimeout, OSError) as error:
            raise_if_unreachable(error)
            raise


def _cancellations() -> int:
    """How often this task was asked to end."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0


async def rows(
    connection: Connection, statement: str, values: Mapping[str, object] | None = None
) -> Sequence[Any]:
    cursor = await connection.execute(statement.encode(), values)
    return await cursor.fetchall() if cursor.description is not None else []


async def row(
    connection: Connection,
    statement: str,
    values: Mapping[str, object] | None = None,
    *,
    prepare: bool | None = None,
) -> Any | None:
    cursor = await connection.execute(statement.encode(), values, prepare=prepare)
    return await cursor.fetchone() if cursor.description is not None else None


# A standby takes no writes until it is promoted: what was written to the former server waits.
_AWAY = (
    psycopg.OperationalError,
    psycopg.errors.ReadOnlySqlTransaction,
    PoolTimeout,
    TimeoutError,
    OSError,
)


def raise_if_unreachable(error: BaseException) -> None:
    """Turn a lost or refused connection into StorageUnavailable; leave real faults alone."""
    if isinstance(error, _AWAY):
        raise StorageUnavailable("The database can't be reached at the moment.") from error


def _ended(connection: Connection) -> bool:
    """Has the server closed it? It said so, which nobody has read yet. Costs no round trip."""
    looking = select.poll()
    looking.register(connection.fileno(), select.POLLIN)
    return bool(looking.poll(0))


async def _check(pool: AsyncConnectionPool[Connection], connection: Connection) -> None:
    """Raises OperationalError for a connection that the server has closed."""
    if _ended(connection):
        await connection.close()  # else the pool doesn't know, and gives it out again
        await pool.drain()  # the others ended too: one after the other costs seconds
        raise psycopg.OperationalError("the server closed the connection")


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    """The pool, closed on the way out. Raises StartupError when Postgres doesn't answer."""
    pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
        conninfo(url),
        min_size=1,
        max_size=POOL_SIZE,
        timeout=CONNECT_SECONDS,
        reconnect_timeout=CONNECT_SECONDS,  # else its pauses grow to minutes after an outage
        check=lambda connection: _check(pool, connection),
        kwargs={
            **CONNECTING,
            "prepare_threshold": NEVER_PREPARED,
            "autocommit": True,
            "row_factory": namedtuple_row,
        },
        open=False,
    )
    try:
        await pool.open(wait=True, timeout=CONNECT_SECONDS)
        yield Database(pool)
    except PoolTimeout as error:
        raise StartupError(
            "The database doesn't answer: check OUTRIDER_DATABASE_URL and that Postgres runs."
        ) from error
    finally:
        await pool.close(timeout=2)
