"""Commands beside a running Outrider, and before one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg

from assistant.storage import schema
from tests.support.program import Program, stream

Make = Callable[..., Program]


async def test_an_upgrade_makes_a_database_ready_and_can_be_repeated(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    settings = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    for _ in range(2):
        upgrade = outrider(tmp_path / "data", settings=settings, command=("db", "upgrade"))
        upgrade.start()
        assert await upgrade.ended(60) == 0, upgrade.output
        assert upgrade.output == f"The schema is at version {schema.newest()}.\n"
    await schema.check(database_url)


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
