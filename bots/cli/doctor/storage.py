"""Database and Redis: those that the settings name, or the embedded ones."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError

from assistant.errors import SchemaOutdated
from assistant.storage import schema
from assistant.storage.embedded import embedded_postgres, embedded_valkey, running_postgres
from assistant.storage.embedded.binaries import postgres_binaries, valkey_binary
from assistant.storage.embedded.cluster import Cluster, check
from bots.cli.doctor.finding import Finding, fails, fine, note
from bots.settings import Settings


async def database(settings: Settings) -> Finding:
    if settings.database_url is not None:
        return await _given_database(settings.database_url.get_secret_value())
    running = await asyncio.to_thread(running_postgres, settings.data_dir)
    if running is not None:
        await schema.check(running)
        return fine(f"The embedded PostgreSQL runs, with schema {schema.newest()}.")
    return await _embedded_database(settings.data_dir)


async def _given_database(url: str) -> Finding:
    try:
        await schema.check(url)
    except SchemaOutdated:
        return note(
            "The database answers, and its schema is older than this Outrider or empty: 'outrider "
            "run' brings it up to date; for gateways and workers run 'outrider db upgrade'."
        )
    return fine(f"The database answers, with schema {schema.newest()}.")


async def _embedded_database(data_dir: Path) -> Finding:
    """Shown to start on an empty folder: a real one is Outrider's own to start."""
    major = postgres_binaries().major
    cluster = Cluster(data_dir)
    if cluster.data.exists():
        check(cluster, major)
        cluster.password()
    with tempfile.TemporaryDirectory(prefix="outrider-doctor-") as folder:
        async with embedded_postgres(Path(folder)):
            return fine(f"The embedded PostgreSQL {major} starts here.")


async def redis(settings: Settings) -> Finding:
    if settings.redis_url is not None:
        return await _given_redis(settings.redis_url.get_secret_value())
    valkey_binary()
    with tempfile.TemporaryDirectory(prefix="outrider-doctor-") as folder:
        async with embedded_valkey(Path(folder)):
            return fine("The embedded Valkey starts here.")


async def _given_redis(url: str) -> Finding:
    try:
        async with Redis.from_url(url, socket_connect_timeout=5, socket_timeout=None) as client:
            await client.ping()
    except (RedisError, OSError) as error:
        # Over a unix socket the library wraps it into a ConnectionError.
        if isinstance(error, AuthenticationError) or isinstance(
            error.__cause__, AuthenticationError
        ):
            return fails(
                "Redis refuses the user or the password in OUTRIDER_REDIS_URL: correct it."
            )
        return fails("Redis doesn't answer: check OUTRIDER_REDIS_URL and that it runs.")
    return fine("Redis answers.")
