"""Commands beside a running Outrider, and before one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from assistant.storage import schema
from tests.support.program import Program, stream

Make = Callable[..., Program]


@pytest.fixture
def empty_url(database_url: str) -> str:
    """Of a database without a table."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return database_url


async def test_an_upgrade_makes_a_database_ready_and_can_be_repeated(
    outrider: Make, tmp_path: Path, empty_url: str, redis_url: str
) -> None:
    settings = {"DATABASE_URL": empty_url, "REDIS_URL": redis_url}
    for _ in range(2):
        upgrade = outrider(tmp_path / "data", settings=settings, command=("db", "upgrade"))
        upgrade.start()
        assert await upgrade.ended(60) == 0, upgrade.output
        assert upgrade.output == f"The schema is at version {schema.newest()}.\n"
    await schema.check(empty_url)


async def test_commands_share_the_embedded_database_of_a_running_outrider(
    outrider: Make, tmp_path: Path
) -> None:
    running = outrider(tmp_path / "data")
    running.start()
    await running.until_ready()
    refused = await outrider(tmp_path / "data", command=("pair", "000000")).refusal()
    assert refused.startswith("outrider: Nobody waits with this code")
    upgrade = outrider(tmp_path / "data", command=("db", "upgrade"))
    upgrade.start()
    assert await upgrade.ended(60) == 0, upgrade.output
    assert "here?" in "".join([piece async for piece in stream(running, "still here?")])
    await running.until_ready()


COMMANDS = (
    ("pair", "000000"),
    ("turns",),
    ("erase", "person", "1"),
    ("keys", "list"),
    ("slack", "workspaces"),
    ("admins", "reset", "admin"),
)


@pytest.mark.parametrize("words", [*COMMANDS, ("db", "upgrade")], ids=" ".join)
async def test_where_there_is_no_database_that_is_said_and_none_is_made(
    outrider: Make, tmp_path: Path, words: tuple[str, ...]
) -> None:
    said = await outrider(tmp_path / "data", command=words).refusal()
    assert said.startswith(f"outrider: There is no database in {tmp_path / 'data'}")
    assert "OUTRIDER_DATA_DIR" in said and "OUTRIDER_DATABASE_URL" in said
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
async def test_before_an_upgrade_each_command_asks_for_it(
    outrider: Make, tmp_path: Path, empty_url: str, words: tuple[str, ...]
) -> None:
    settings = {"DATABASE_URL": empty_url}
    said = await outrider(tmp_path / "data", settings=settings, command=words).refusal()
    assert "run 'outrider db upgrade' first" in said
