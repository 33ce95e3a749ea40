"""The database for commands beside a running server: the settings' or the embedded one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import typer

from assistant.errors import StartupError
from assistant.storage import schema
from assistant.storage.embedded import embedded_postgres, has_postgres, running_postgres
from bots.settings import Settings


@asynccontextmanager
async def database_url(settings: Settings) -> AsyncIterator[str]:
    """The URL; an embedded server that doesn't run is started for the block.

    Raises StartupError where there is none: only `outrider run` makes it.
    """
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    if not has_postgres(settings.data_dir):
        raise StartupError(
            f"There is no database in {settings.data_dir}: run this where the server's .env or "
            "outrider.toml lies, or set OUTRIDER_DATA_DIR or OUTRIDER_DATABASE_URL as it has them. "
            "The first 'outrider run' makes a database."
        )
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
