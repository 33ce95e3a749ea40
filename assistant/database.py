"""The way to Postgres: SQLAlchemy for most, a psycopg pool for the intake's one statement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, TimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from assistant.errors import StartupError, StorageUnavailable

CONNECT_SECONDS = 5
POOL_SIZE = 10
STATEMENT_SECONDS = 10.0  # no statement of ours takes so long; a server that is silent does
# libpq's own limits, so that a server that vanished without a word is noticed.
CONNECTING = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

Pool = AsyncConnectionPool[psycopg.AsyncConnection[tuple[object, ...]]]


def conninfo(url: str) -> str:
    """The URL as libpq reads it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def sqlalchemy_url(url: str) -> str:
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


@dataclass(frozen=True, slots=True)
class Database:
    """Two pools on one Postgres. Both hold at most POOL_SIZE connections."""

    engine: AsyncEngine
    pool: Pool

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which each statement is a transaction of its own.

        Whatever must hold together is one statement (a CTE), which saves two round trips.
        Raises StorageUnavailable when Postgres can't be reached.
        """
        try:
            async with (
                asyncio.timeout(STATEMENT_SECONDS),
                self.engine.connect() as connection,
            ):
                yield connection
        except (DBAPIError, TimeoutError, OSError) as error:
            raise_if_unreachable(error)
            raise

    async def ping(self) -> bool:
        try:
            async with self.connection() as connection:
                await connection.execute(text("SELECT 1"))
        except StorageUnavailable:
            return False
        return True


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
    cause = error.orig if isinstance(error, DBAPIError) else error
    unreachable = isinstance(cause, _AWAY)
    if unreachable or (isinstance(error, DBAPIError) and error.connection_invalidated):
        raise StorageUnavailable("The database can't be reached at the moment.") from error


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    """Both pools, closed on the way out. Raises StartupError when Postgres doesn't answer."""
    engine = create_async_engine(
        sqlalchemy_url(url),
        pool_size=POOL_SIZE,
        max_overflow=0,
        isolation_level="AUTOCOMMIT",
        pool_pre_ping=True,
        hide_parameters=True,  # an error in the log must not show what people wrote
        connect_args=dict(CONNECTING),
    )
    pool: Pool = AsyncConnectionPool(
        conninfo(url),
        min_size=1,
        max_size=POOL_SIZE,
        timeout=CONNECT_SECONDS,
        reconnect_timeout=CONNECT_SECONDS,  # else its pauses grow to minutes after an outage
        check=AsyncConnectionPool.check_connection,
        kwargs={**CONNECTING, "autocommit": True},
        open=False,
    )
    try:
        await pool.open(wait=True, timeout=CONNECT_SECONDS)
        yield Database(engine, pool)
    except PoolTimeout as error:
        raise StartupError(
            "The database doesn't answer: check OUTRIDER_DATABASE_URL and that Postgres runs."
        ) from error
    finally:
        await pool.close(timeout=2)
        await engine.dispose()
