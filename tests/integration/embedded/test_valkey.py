import asyncio
import os
import signal
import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis.asyncio
import redis.exceptions

from assistant.errors import StartupError
from assistant.storage.embedded import embedded_valkey
from tests.integration.embedded.processes import tcp_sockets, working_in


async def test_it_serves_redis_py_with_streams(tmp_path: Path) -> None:
    async with embedded_valkey(tmp_path) as url, redis.asyncio.Redis.from_url(url) as client:
        await client.xadd("turns", {"id": "1"})
        assert await client.xlen("turns") == 1


async def test_a_wrong_or_missing_password_is_refused(tmp_path: Path) -> None:
    async with embedded_valkey(tmp_path) as url:
        password = urlsplit(url).password
        assert password is not None
        for wrong in (url.replace(password, "wrong"), url.replace(f":{password}@", "")):
            async with redis.asyncio.Redis.from_url(wrong) as client:
                with pytest.raises(
                    redis.exceptions.ConnectionError, match=r"(?i)password|authentic"
                ):
                    await client.ping()


async def test_the_password_is_on_no_command_line_and_in_no_file(tmp_path: Path) -> None:
    async with embedded_valkey(tmp_path) as url:
        password = str(urlsplit(url).password).encode()
        (pid,) = working_in(tmp_path)
        assert password not in Path(f"/proc/{pid}/cmdline").read_bytes()
        for file in tmp_path.rglob("*"):
            assert not file.is_file() or password not in file.read_bytes()


async def test_it_listens_on_a_private_socket_alone(tmp_path: Path) -> None:
    async with embedded_valkey(tmp_path) as url:
        socket = Path(urlsplit(url).path)
        assert socket.is_socket()
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        (pid,) = working_in(tmp_path)
        assert tcp_sockets(pid) == set()
    assert not socket.parent.exists()


async def test_full_memory_forgets_instead_of_refusing(tmp_path: Path) -> None:
    async with embedded_valkey(tmp_path) as url, redis.asyncio.Redis.from_url(url) as client:
        await client.config_set("maxmemory", "8mb")
        for number in range(64):
            await client.set(f"big:{number}", os.urandom(500_000))
        assert await client.get("big:63") is not None
        assert await client.get("big:0") is None


async def test_it_writes_nothing_to_the_disk(tmp_path: Path) -> None:
    async with embedded_valkey(tmp_path) as url, redis.asyncio.Redis.from_url(url) as client:
        await client.set("a", "b")
    names = {file.name for file in tmp_path.rglob("*") if file.is_file()}
    assert names == {"valkey.lock", "valkey.log"}
    async with embedded_valkey(tmp_path) as url, redis.asyncio.Redis.from_url(url) as client:
        assert await client.get("a") is None


async def test_its_unexpected_end_is_told_and_the_next_start_works(tmp_path: Path) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    async with embedded_valkey(tmp_path, told.put_nowait):
        (pid,) = working_in(tmp_path)
        os.kill(pid, signal.SIGKILL)
        assert "Valkey ended unexpectedly (SIGKILL)" in await told.get()
    async with embedded_valkey(tmp_path) as url, redis.asyncio.Redis.from_url(url) as client:
        assert await client.ping()


async def test_a_data_directory_that_is_no_directory_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match="can't be written"):
        async with embedded_valkey(tmp_path / "file"):
            pass
