"""The database for commands beside a running server: the settings' or the embedded one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import typer

from assistant.storage import schema
from assistant.storage.embedded import embedded_postgres, running_postgres
from bots.settings import Settings


@asynccontextmanager
async def database_url(settings: Settings) -> AsyncIterator[str]:
    """The URL; an embedded server that doesn't run is started for the block."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    running = running_postgres(settings.data_dir)
    if running is not None:
        yield running
        return
    async with embedded_postgres(settings.data_dir) as url:
        yield url


async def upgrade(settings: Settings) -> None:
    async with database_url(settings) as url:
        version = await schema.upgrade(url)
    typer.echo(f"The schema is at version {version}.")
