"""The embedded PostgreSQL."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import structlog

from assistant.errors import StartupError
from assistant.storage.embedded.binaries import postgres_binaries
from assistant.storage.embedded.cluster import ROLE, Cluster, prepare
from assistant.storage.embedded.folder import unwritable
from assistant.storage.embedded.lock import DataDirLock
from assistant.storage.embedded.process import OnDeath, Program, ServerProcess, running, watched
from assistant.storage.embedded.sockets import removing, socket_folder, socket_folder_path

DATABASE = "outrider"

# After a crash the log is replayed first, which takes as long as it takes; it is short here.
_START_SECONDS = 120.0
_POLL_SECONDS = 0.03
_PORT = "5432"  # names the socket; nothing listens on TCP
_SOCKET_NAME = f".s.PGSQL.{_PORT}"
_SETTINGS = {
    "listen_addresses": "",
    "port": _PORT,
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "50",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    # What people wrote stays out of the log: no statements, no parameters, no failing rows.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}

_logger = structlog.get_logger()


@asynccontextmanager
async def embedded_postgres(data_dir: Path, on_death: OnDeath | None = None) -> AsyncIterator[str]:
    """Run a PostgreSQL on `data_dir` for as long as the block, and give its URL.

    The URL is `postgresql://outrider:PASSWORD@/outrider?host=FOLDER&port=5432`, for psycopg as it
    is and for SQLAlchemy with the scheme `postgresql+psycopg`. It holds the password: never log it.
    The server ends with the thread that entered the block, even by SIGKILL, and shuts down
    cleanly then; the next start waits for that. `on_death` is told if it ends by itself.
    Raises StartupError.
    """
    lock = DataDirLock(data_dir, "postgres.lock")
    await lock.acquire_without_blocking()
    try:
        sockets, program, url = await _prepare(Cluster(lock.data_dir), lock)
        async with removing(sockets, lock), running(program) as server:
            # From here on the server itself holds the lock, for as long as any of it lives.
            lock.release()
            await _await_ready(server, url)
            _logger.info("embedded_postgres_ready", pid=server.pid)
            async with watched(server, on_death):
                yield url
    finally:
        lock.release()


async def _prepare(cluster: Cluster, lock: DataDirLock) -> tuple[Path, Program, str]:
    binaries = postgres_binaries()
    try:
        await prepare(cluster, binaries, lock.fileno())
    except OSError as error:
        raise unwritable(cluster.data_dir, error) from error
    sockets = socket_folder(cluster.folder, _SOCKET_NAME + ".lock")
    settings = _SETTINGS | {"unix_socket_directories": str(sockets)}
    program = Program(
        title="PostgreSQL",
        command=[
            *(binaries.postgres, "-D", cluster.data),
            *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
        ],
        data_dir=cluster.data_dir,
        # SIGINT is PostgreSQL's "fast" shutdown: clean, without waiting for clients. SIGQUIT
        # leaves the rest to the next start's recovery.
        death_signal=signal.SIGINT,
        stop=[(signal.SIGINT, 3.5), (signal.SIGQUIT, 0.5)],
        unprivileged=True,
        held_fds=(lock.fileno(),),
    )
    return sockets, program, _url(cluster, sockets)


def _url(cluster: Cluster, sockets: Path) -> str:
    query = urlencode({"host": str(sockets), "port": _PORT}, safe="/")
    return f"postgresql://{ROLE}:{cluster.password()}@/{DATABASE}?{query}"


async def _await_ready(server: ServerProcess, url: str) -> None:
    maintenance = url.replace(f"@/{DATABASE}?", "@/postgres?", 1)
    try:
        async with asyncio.timeout(_START_SECONDS), await _connect(server, maintenance) as admin:
            found = await admin.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
            if found.rowcount == 0:
                await admin.execute(f"CREATE DATABASE {DATABASE}")
    except TimeoutError as error:
        raise server.failure() from error


async def _connect(server: ServerProcess, url: str) -> psycopg.AsyncConnection:
    while True:
        try:
            return await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=5)
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise StartupError(
                    "The embedded PostgreSQL refuses the password in postgres/password of the "
                    "data directory: put back the file that belongs to the database."
                ) from None
        if server.ended:
            raise server.failure()
        await asyncio.sleep(_POLL_SECONDS)


def has_postgres(data_dir: Path) -> bool:
    """Whether a database was made there, running or not."""
    return Cluster(data_dir.absolute()).data.exists()


def running_postgres(data_dir: Path) -> str | None:
    """The URL of the server that another process runs on `data_dir`, or None if none answers."""
    cluster = Cluster(data_dir.absolute())
    if not (cluster.data / "postmaster.pid").exists():
        return None
    # Not `socket_folder`, which empties it: the sockets there are the running server's.
    url = _url(cluster, socket_folder_path(cluster.folder))
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return None
    return url
