"""The schema's version: brought up by `outrider db upgrade`, checked at each start."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

import migrations
from assistant.errors import SchemaOutdated, StartupError
from assistant.storage.database import sqlalchemy_url

# Two processes that start at once must not migrate at once; any constant number will do.
MIGRATION_LOCK = 0x0571D3


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def newest() -> str:
    return ScriptDirectory.from_config(alembic_config()).get_current_head() or ""


async def upgrade(url: str) -> str:
    """Bring the schema to this program's version and return it.

    Raises StartupError when the database is of a newer version, or can't be reached.
    """
    return await asyncio.to_thread(_upgrade, url)


async def check(url: str) -> None:
    """Raises StartupError unless the schema is exactly of this program's version.

    SchemaOutdated where `upgrade` would bring it there.
    """
    current = await asyncio.to_thread(_current, url)
    if current != newest():
        _refuse_newer(current)
        raise SchemaOutdated(
            "The database's schema is older than this Outrider: run 'outrider db upgrade' first."
        )


def _upgrade(url: str) -> str:
    with _connected(url) as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        _refuse_newer(_version(connection))
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return newest()


def _current(url: str) -> str | None:
    with _connected(url) as connection:
        return _version(connection)


def _refuse_newer(current: str | None) -> None:
    known = {one.revision for one in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    if current is not None and current not in known:
        raise StartupError(
            f"The database is of a newer Outrider (schema {current}, this one knows {newest()}): "
            "update Outrider, or restore the database from before."
        )


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    """One transaction on a connection of its own."""
    engine = create_engine(
        sqlalchemy_url(url), connect_args={"connect_timeout": 5}, poolclass=NullPool
    )
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise StartupError(
            "The database doesn't answer: check OUTRIDER_DATABASE_URL and that Postgres runs."
        ) from error
    with connection, connection.begin():
        yield connection
