"""An embedded PostgreSQL that keeps what a measurement wants to know of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from assistant.storage import schema
from assistant.storage.embedded import embedded_postgres


@asynccontextmanager
async def measured_postgres(folder: Path, **settings: str) -> AsyncIterator[str]:
    """The URL of one with our schema; its settings are those that need a new start."""
    async with (
        embedded_postgres(folder) as url,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as connection,
    ):
        for name, value in settings.items():
            setting = sql.SQL("ALTER SYSTEM SET {} = {}")
            await connection.execute(setting.format(sql.Identifier(name), sql.Literal(value)))
    async with embedded_postgres(folder) as url:
        await schema.upgrade(url)
        yield url
