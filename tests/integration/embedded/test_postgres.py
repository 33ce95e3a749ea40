import asyncio
import os
import signal
import stat
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from assistant.errors import StartupError
from assistant.storage.embedded import embedded_postgres, running_postgres
from tests.integration.embedded.processes import all_gone, tcp_sockets, working_in


async def query(url: str, statement: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(statement)  # type: ignore[arg-type]
        return await cursor.fetchall() if cursor.description else []


def socket_folder(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0])


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres/data/postmaster.pid").read_text().splitlines()[0])


async def test_data_is_kept_over_a_restart(tmp_path: Path) -> None:
    async with embedded_postgres(tmp_path) as url:
        assert url.startswith("postgresql://outrider:")
        await query(url, "CREATE TABLE kept AS SELECT 'Grüße'::text AS word")
    assert not working_in(tmp_path)
    async with embedded_postgres(tmp_path) as url:
        assert await query(url, "SELECT word, current_database() FROM kept") == [
            ("Grüße", "outrider")
        ]


async def test_commits_are_flushed_to_the_disk(tmp_path: Path) -> None:
    async with embedded_postgres(tmp_path) as url:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await query(url, f"SHOW {setting}") == [("on",)]


async def test_a_running_server_is_found_and_left_as_it_was(tmp_path: Path) -> None:
    assert running_postgres(tmp_path) is None
    async with embedded_postgres(tmp_path) as url:
        for _ in range(2):
            assert await asyncio.to_thread(running_postgres, tmp_path) == url
        assert await query(url, "SELECT 1") == [(1,)]
    assert running_postgres(tmp_path) is None


async def test_vector_and_trigram_extensions_are_there(tmp_path: Path) -> None:
    async with embedded_postgres(tmp_path) as url:
        await query(url, "CREATE EXTENSION vector")
        await query(url, "CREATE EXTENSION pg_trgm")
        assert await query(url, "SELECT '[1,2]'::vector <-> '[1,4]'::vector") == [(2.0,)]


async def test_a_wrong_or_missing_password_is_refused(tmp_path: Path) -> None:
    async with embedded_postgres(tmp_path) as url:
        password = urlsplit(url).password
        assert password is not None
        assert len(password) >= 32
        for wrong in (url.replace(password, "wrong"), url.replace(f":{password}", "")):
            with pytest.raises(psycopg.OperationalError, match="password"):
                await query(wrong, "SELECT 1")
    password_file = tmp_path / "postgres/password"
    assert stat.S_IMODE(password_file.stat().st_mode) == 0o600


async def test_it_listens_on_a_private_socket_alone(tmp_path: Path) -> None:
    async with embedded_postgres(tmp_path) as url:
        folder = socket_folder(url)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (folder / ".s.PGSQL.5432").is_socket()
        pids = working_in(tmp_path)
        assert postmaster(tmp_path) in pids
        assert [tcp_sockets(pid) for pid in pids] == [set()] * len(pids)
    assert not folder.exists()


async def test_a_deep_data_directory_still_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("ü" * 60)
    async with embedded_postgres(deep) as url:
        assert await query(url, "SELECT 1") == [(1,)]


async def test_nothing_of_ours_is_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTRIDER_TELEGRAM__TOKEN", "1:secret")
    monkeypatch.setenv("PGPORT", "7777")
    async with embedded_postgres(tmp_path):
        environment = Path(f"/proc/{postmaster(tmp_path)}/environ").read_bytes()
        assert b"secret" not in environment
        assert b"PGPORT" not in environment


async def test_its_log_never_has_what_people_wrote(tmp_path: Path) -> None:
    async with embedded_postgres(tmp_path) as url:
        await query(url, "CREATE TABLE said (word text UNIQUE CHECK (word <> 'plum-secret'))")
        with pytest.raises(psycopg.errors.CheckViolation):
            await query(url, "INSERT INTO said VALUES ('plum-secret')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            await query(url, "INSERT INTO said VALUES ('pear-secret'), ('pear-secret')")
    log = (tmp_path / "logs/postgresql.log").read_text()
    assert "violates check constraint" in log
    assert "secret" not in log


async def test_left_overs_of_a_crash_need_no_hand_work(tmp_path: Path) -> None:
    (tmp_path / "postgres/data.new/base").mkdir(parents=True)
    async with embedded_postgres(tmp_path) as url:
        folder = socket_folder(url)
    # As after a power cut, when a stranger has the old number by now.
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    left_over = f"{stranger.pid}\n{tmp_path}/postgres/data\n1\n5432\n{folder}\n\n 1 1\nready\n"
    (tmp_path / "postgres/data/postmaster.pid").write_text(left_over)
    folder.mkdir(mode=0o755)
    (folder / ".s.PGSQL.5432.lock").write_text(left_over)
    async with embedded_postgres(tmp_path) as url:
        assert await query(url, "SELECT 1") == [(1,)]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    stranger.kill()
    await stranger.wait()


async def test_its_unexpected_end_is_told_and_the_next_start_works(tmp_path: Path) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    async with embedded_postgres(tmp_path, told.put_nowait) as url:
        await query(url, "CREATE TABLE kept AS SELECT 7 AS number")
        os.kill(postmaster(tmp_path), signal.SIGKILL)
        sentence = await told.get()
        assert "PostgreSQL ended unexpectedly (SIGKILL)" in sentence
        assert str(tmp_path / "logs/postgresql.log") in sentence
    async with embedded_postgres(tmp_path) as url:
        assert await query(url, "SELECT number FROM kept") == [(7,)]


async def test_an_ordinary_stop_is_not_told_as_a_death(tmp_path: Path) -> None:
    told: list[str] = []
    async with embedded_postgres(tmp_path, told.append):
        pass
    assert told == []


@pytest.mark.parametrize("moment_seconds", [0.05, 0.4, 0.8])
async def test_a_start_that_is_cancelled_leaves_nothing_behind(
    tmp_path: Path, moment_seconds: float
) -> None:
    async def start() -> None:
        async with embedded_postgres(tmp_path):
            await asyncio.Event().wait()

    task = asyncio.create_task(start())
    await asyncio.sleep(moment_seconds)
    task.cancel()
    await asyncio.wait([task])
    assert all_gone(tmp_path)
    async with embedded_postgres(tmp_path) as url:
        assert await query(url, "SELECT 1") == [(1,)]


async def test_a_body_that_fails_stops_the_server(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="from the body"):
        async with embedded_postgres(tmp_path):
            raise ValueError("from the body")
    assert not working_in(tmp_path)


async def test_a_client_in_the_middle_of_something_does_not_hold_up_the_stop(
    tmp_path: Path,
) -> None:
    async with embedded_postgres(tmp_path) as url:
        busy = await psycopg.AsyncConnection.connect(url)
        asleep = asyncio.create_task(busy.execute("SELECT pg_sleep(3600)"))
        await asyncio.sleep(0)
        while not await query(
            url, "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sl%'"
        ):
            await asyncio.sleep(0.01)
    with pytest.raises(psycopg.OperationalError):
        await asleep
    await busy.close()
    assert not (tmp_path / "postgres/data/postmaster.pid").exists()  # a clean stop


async def test_a_newer_postgres_is_refused_in_a_sentence(tmp_path: Path) -> None:
    async with embedded_postgres(tmp_path):
        pass
    (tmp_path / "postgres/data/PG_VERSION").write_text("99\n")
    with pytest.raises(StartupError, match="made by PostgreSQL 99, which is newer than the 18"):
        async with embedded_postgres(tmp_path):
            pass


async def test_a_lost_or_foreign_password_is_named(tmp_path: Path) -> None:
    async with embedded_postgres(tmp_path):
        pass
    password_file = tmp_path / "postgres/password"
    password_file.write_text("another\n")
    with pytest.raises(StartupError, match="refuses the password"):
        async with embedded_postgres(tmp_path):
            pass
    password_file.unlink()
    with pytest.raises(StartupError, match=f"put the file {password_file} back"):
        async with embedded_postgres(tmp_path):
            pass


async def test_a_broken_database_is_refused_with_its_last_words(tmp_path: Path) -> None:
    async with embedded_postgres(tmp_path):
        pass
    (tmp_path / "postgres/data/global/pg_control").write_bytes(b"")
    with pytest.raises(StartupError, match=r"PostgreSQL did not start: .*pg_control"):
        async with embedded_postgres(tmp_path):
            pass


async def test_a_data_directory_that_is_no_directory_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file/below", Path("/proc/outrider")):
        with pytest.raises(StartupError, match=f"The data directory {place} can't be written"):
            async with embedded_postgres(place):
                pass


@pytest.mark.parametrize("name", ["postgres", "logs"])
async def test_a_file_in_the_place_of_a_folder_is_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(StartupError, match="can't be written"):
        async with embedded_postgres(tmp_path):
            pass
