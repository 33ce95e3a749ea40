"""What keeps Outrider from starting is one clear sentence, and leaves nothing behind."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.support.program import Program

Make = Callable[..., Program]


async def test_a_port_in_use_is_said_before_anything_starts(outrider: Make, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        program = outrider(tmp_path / "data", settings={"PORT": str(port)})
        said = await program.refusal()
    assert f"Port {port} on 127.0.0.1 is in use by another program." in said
    assert "OUTRIDER_PORT" in said
    assert not (tmp_path / "data").exists()


async def test_an_address_of_another_machine_is_refused(outrider: Make, tmp_path: Path) -> None:
    settings = {"HOST": "192.0.2.1", "ADMIN__PASSWORD": "long enough"}
    said = await outrider(tmp_path / "data", settings=settings).refusal()
    assert "on 192.0.2.1 can't be used" in said


async def test_a_name_that_others_come_by_needs_a_password(outrider: Make, tmp_path: Path) -> None:
    settings = {"HTTP__ALLOWED_HOSTS": "chat.example.org"}
    said = await outrider(tmp_path / "data", settings=settings).refusal()
    assert "Under the name chat.example.org" in said
    assert "set OUTRIDER_ADMIN__PASSWORD" in said
    assert not (tmp_path / "data").exists()


async def test_a_data_directory_below_a_file_is_refused(outrider: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = await outrider(tmp_path / "file" / "data", folder=tmp_path).refusal()
    assert "file/data can't be written (" in said
    assert "OUTRIDER_DATA_DIR" in said


async def test_a_file_system_that_is_read_only_is_refused(outrider: Make, tmp_path: Path) -> None:
    said = await outrider(Path("/proc/outrider"), folder=tmp_path).refusal()
    assert "The data directory /proc/outrider can't be written" in said


async def test_a_data_directory_serves_one_outrider(outrider: Make, tmp_path: Path) -> None:
    first = outrider(tmp_path / "data")
    first.start()
    await first.until_ready()
    said = await outrider(tmp_path / "data").refusal()
    assert f"is in use by another Outrider (process {first.process.pid})" in said
    await first.until_ready()  # undisturbed


@pytest.mark.parametrize("role", ["gateway", "worker"])
async def test_a_role_needs_what_joins_it_to_the_others(
    outrider: Make, tmp_path: Path, role: str
) -> None:
    said = await outrider(tmp_path / "data", command=(role,)).refusal()
    assert f"'outrider {role}' needs OUTRIDER_DATABASE_URL and OUTRIDER_REDIS_URL" in said


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_others_are_not_let_in_without_a_password(
    outrider: Make, tmp_path: Path, host: str
) -> None:
    program = outrider(tmp_path / "data", settings={"HOST": host})
    said = await program.refusal()
    assert f"Listening on {host} lets other machines in, so a password is needed" in said
    assert not (tmp_path / "data").exists()


async def test_a_database_of_a_newer_outrider_is_left_alone(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    settings = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    said = await outrider(tmp_path / "data", settings=settings).refusal()
    assert "The database is of a newer Outrider (schema 9999" in said
    assert "update Outrider" in said
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert row == ("9999",)


async def test_a_gateway_does_not_migrate(
    outrider: Make, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM alembic_version")
    settings = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    said = await outrider(tmp_path / "data", settings=settings, command=("gateway",)).refusal()
    assert "older than this Outrider: run 'outrider db upgrade' first." in said


async def test_servers_that_do_not_answer_are_named(
    outrider: Make, tmp_path: Path, database_url: str
) -> None:
    nowhere = "postgresql://someone:pass-of-someone@127.0.0.1:1/outrider"
    settings = {"DATABASE_URL": nowhere, "REDIS_URL": "redis://:pass-of-someone@127.0.0.1:1/0"}
    said = await outrider(tmp_path / "one", settings=settings).refusal()
    assert "The database doesn't answer: check OUTRIDER_DATABASE_URL" in said
    settings["DATABASE_URL"] = database_url
    also = await outrider(tmp_path / "two", settings=settings).refusal()
    assert "Redis doesn't answer: check OUTRIDER_REDIS_URL" in also
    assert "pass-of-someone" not in said + also


async def test_a_redis_of_another_database_is_refused(
    outrider: Make, tmp_path: Path, database_url: str, other_database_url: str, redis_url: str
) -> None:
    settings = {"DATABASE_URL": other_database_url, "REDIS_URL": redis_url}
    first = outrider(tmp_path / "first", settings=settings)
    first.start()
    await first.until_ready()
    settings["DATABASE_URL"] = database_url
    for role in ("run", "gateway", "worker"):
        other = outrider(tmp_path / role, settings=settings, command=(role,))
        said = await other.refusal()
        assert "belongs to another Outrider's database: give each a Redis" in said
        assert redis_url not in said
    await first.until_ready()


async def test_a_profile_that_was_never_released_is_refused(outrider: Make, tmp_path: Path) -> None:
    program = outrider(tmp_path / "data", settings={"ENGINE__PROFILE": "behemoth"})
    assert "Llama 4 Behemoth was never released" in await program.refusal()
    assert not (tmp_path / "data").exists()
