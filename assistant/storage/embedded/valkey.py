"""The embedded Valkey."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import redis.asyncio
import redis.exceptions
import structlog

from assistant.storage.embedded.binaries import valkey_binary
from assistant.storage.embedded.folder import make_private, unwritable
from assistant.storage.embedded.lock import DataDirLock
from assistant.storage.embedded.process import OnDeath, Program, ServerProcess, running, watched
from assistant.storage.embedded.sockets import removing, socket_folder

_START_SECONDS = 30.0
_POLL_SECONDS = 0.02
_SOCKET_NAME = "valkey.sock"

_logger = structlog.get_logger()


@asynccontextmanager
async def embedded_valkey(data_dir: Path, on_death: OnDeath | None = None) -> AsyncIterator[str]:
    """Run a Valkey for as long as the block, and give its URL for redis-py.

    The URL is `unix://:PASSWORD@/…/valkey.sock?db=0`, with a new password at each start: never
    log it. It keeps nothing on disk, since whatever is in Redis may be lost at any moment, and when
    its memory is full it forgets what was not used for longest. `on_death` is told if it ends by
    itself. Raises StartupError.
    """
    lock = DataDirLock(data_dir, "valkey.lock")
    await lock.acquire_without_blocking()
    try:
        sockets, program, url = _prepare(lock.data_dir, lock)
        async with removing(sockets, lock), running(program) as server:
            # From here on the server itself holds the lock, for as long as it lives.
            lock.release()
            await _await_ready(server, url)
            _logger.info("embedded_valkey_ready", pid=server.pid)
            async with watched(server, on_death):
                yield url
    finally:
        lock.release()


def _prepare(data_dir: Path, lock: DataDirLock) -> tuple[Path, Program, str]:
    try:
        folder = make_private(data_dir / "valkey")
    except OSError as error:
        raise unwritable(data_dir, error) from error
    sockets = socket_folder(folder, _SOCKET_NAME)
    password = secrets.token_urlsafe(32)
    program = Program(
        title="Valkey",
        command=[valkey_binary(), "-"],
        data_dir=data_dir,
        # There is nothing to save.
        death_signal=signal.SIGKILL,
        stop=[(signal.SIGTERM, 2.0)],
        held_fds=(lock.fileno(),),
        # By standard input, as a command line would show the password to everybody.
        input=_configuration(sockets / _SOCKET_NAME, password).encode(),
    )
    return sockets, program, f"unix://:{password}@{sockets / _SOCKET_NAME}?db=0"


def _configuration(socket: Path, password: str) -> str:
    lines = (
        "port 0",
        f'unixsocket "{socket}"',
        "unixsocketperm 700",
        f"requirepass {password}",
        'save ""',
        "appendonly no",
        "maxmemory 256mb",
        "maxmemory-policy allkeys-lru",
        "loglevel warning",
        "daemonize no",
    )
    return "\n".join(lines) + "\n"


async def _await_ready(server: ServerProcess, url: str) -> None:
    client = redis.asyncio.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=None)
    try:
        async with asyncio.timeout(_START_SECONDS), client:
            while not await _answers(client):
                if server.ended:
                    raise server.failure()
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError as error:
        raise server.failure() from error


async def _answers(client: redis.asyncio.Redis) -> bool:
    try:
        return bool(await client.ping())
    except redis.exceptions.ConnectionError:
        return False
