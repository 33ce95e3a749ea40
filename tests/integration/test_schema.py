"""The migrations on a real PostgreSQL: up, down, at once, and against what the code expects."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, inspect, text

from assistant.errors import SchemaOutdated, StartupError
from assistant.storage import schema
from assistant.storage.database import sqlalchemy_url
from assistant.storage.tables import metadata
from tests.support.servers import Servers


@pytest.fixture
def empty_database(servers: Servers, database_url: str) -> str:
    """A database without any table."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return database_url


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    with engine.connect() as connection, connection.begin():
        yield connection


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


def step(connection: Connection, where: str) -> None:
    config = schema.alembic_config()
    config.attributes["connection"] = connection
    go = command.downgrade if where.startswith("-") or where == "base" else command.upgrade
    go(config, where)


def contents(connection: Connection) -> dict[str, Any]:
    """Tables with their columns, indexes and constraints, as the database has them."""
    catalogue = inspect(connection)
    return {
        table: (
            [
                (one["name"], str(one["type"]), one["nullable"])
                for one in catalogue.get_columns(table)
            ],
            sorted(str(one) for one in catalogue.get_indexes(table)),
            sorted(str(one["sqltext"]) for one in catalogue.get_check_constraints(table)),
        )
        for table in sorted(catalogue.get_table_names())
        if table != "alembic_version"
    }


async def test_the_tables_that_the_code_knows_are_those_of_the_migrations(
    empty_database: str,
) -> None:
    assert await schema.upgrade(empty_database) == schema.newest()
    with connected(empty_database) as connection:
        assert differences(connection) == []
        assert set(contents(connection)) == set(metadata.tables)


async def test_a_difference_would_be_seen(empty_database: str) -> None:
    await schema.upgrade(empty_database)
    with connected(empty_database) as connection:
        connection.execute(text("ALTER TABLE turns ADD COLUMN stray text"))
        connection.execute(text("DROP INDEX ix_turns_queue"))
        assert len(differences(connection)) == 2


def test_there_is_one_line_of_migrations() -> None:
    assert len(ScriptDirectory.from_config(schema.alembic_config()).get_heads()) == 1


async def test_every_step_leads_up_down_and_up_again(empty_database: str) -> None:
    revisions = list(ScriptDirectory.from_config(schema.alembic_config()).walk_revisions())
    with connected(empty_database) as connection:
        for revision in reversed(revisions):
            before = contents(connection)
            step(connection, revision.revision)
            after = contents(connection)
            step(connection, "-1")
            assert contents(connection) == before
            step(connection, revision.revision)
            assert contents(connection) == after
        step(connection, "base")
        assert contents(connection) == {}


async def test_an_upgrade_twice_changes_nothing(empty_database: str) -> None:
    await schema.upgrade(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute("INSERT INTO persons (name) VALUES ('kept')")
    assert await schema.upgrade(empty_database) == schema.newest()
    await schema.check(empty_database)
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT name FROM persons").fetchall() == [("kept",)]


async def test_upgrades_at_once_do_it_once(empty_database: str) -> None:
    versions = await asyncio.gather(*(schema.upgrade(empty_database) for _ in range(4)))
    assert set(versions) == {schema.newest()}
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            (schema.newest(),)
        ]


async def test_an_upgrade_that_breaks_leaves_nothing(empty_database: str) -> None:
    with psycopg.connect(empty_database) as connection:
        connection.execute("CREATE TABLE attempts (in_the_way int)")
    with pytest.raises(Exception, match="attempts"):
        await schema.upgrade(empty_database)
    with connected(empty_database) as connection:
        assert inspect(connection).get_table_names() == ["attempts"]


async def test_a_database_without_tables_waits_for_an_upgrade(empty_database: str) -> None:
    with pytest.raises(SchemaOutdated, match="run 'outrider db upgrade' first"):
        await schema.check(empty_database)


async def test_a_database_of_a_newer_outrider_is_refused_and_left_alone(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for use in (schema.check, schema.upgrade):
        with pytest.raises(StartupError, match=r"newer Outrider \(schema 9999") as refused:
            await use(database_url)
        assert not isinstance(refused.value, SchemaOutdated)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            ("9999",)
        ]


async def test_a_database_that_is_away_is_a_sentence_without_the_password() -> None:
    for use in (schema.check, schema.upgrade):
        with pytest.raises(StartupError, match="The database doesn't answer") as refused:
            await use("postgresql://someone:hidden-part@127.0.0.1:1/outrider")
        assert "hidden-part" not in str(refused.value)
