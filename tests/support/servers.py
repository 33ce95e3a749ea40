"""The embedded PostgreSQL and Valkey, started once; each test gets an empty database of its own."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from sqlalchemy.engine import make_url

from assistant.storage import schema
from assistant.storage.embedded import embedded_postgres, embedded_valkey

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Servers:
    """`postgres` is the URL of a database with the schema, from which tests' own are copied: no
    test may write there."""

    postgres: str
    redis: str


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    folder: Path = tmp_path_factory.mktemp("servers")
    async with embedded_postgres(folder) as postgres, embedded_valkey(folder) as redis:
        await schema.upgrade(postgres)
        yield Servers(postgres, redis)


@pytest_asyncio.fixture(loop_scope="session")
async def database_url(servers: Servers) -> str:
    return await _new_database(servers)


@pytest_asyncio.fixture(loop_scope="session")
async def other_database_url(servers: Servers) -> str:
    return await _new_database(servers)


@pytest_asyncio.fixture(loop_scope="session")
async def redis_url(servers: Servers) -> str:
    async with Redis.from_url(servers.redis) as redis:
        await redis.flushall()
    return servers.redis


async def _new_database(servers: Servers) -> str:
    """Not dropped: the whole server goes with the run, and a drop waits for every process."""
    name = f"test_{next(_numbers)}"
    template = make_url(servers.postgres).database
    await _admin(servers, f'CREATE DATABASE {name} TEMPLATE "{template}"')
    return make_url(servers.postgres).set(database=name).render_as_string(hide_password=False)


async def _admin(servers: Servers, statement: str) -> None:
    url = make_url(servers.postgres).set(database="postgres")

    def execute() -> None:
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as admin:
            admin.execute(statement.encode())

    await asyncio.to_thread(execute)
