"""A Ray of our own and one that is joined: what it opens, leaves behind, and refuses.

One owner, a process of its own with a Ray and a replica, serves all tests; the last one kills it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from inference.api import ChatMessage, Delta, GenerationRequest
from inference.errors import EngineUnavailable
from inference.on_ray.cluster import remove_left_over
from inference.on_ray.engine import RayServeEngine
from inference.processes import EngineProcess, with_descendants
from inference.settings import EngineSettings, ScriptedSettings
from inference.start import build_engine
from tests.support.demo import quiet

pytestmark = [pytest.mark.timeout(300)]

OWNER = """
import asyncio, ray, sys
from pathlib import Path
from inference.settings import EngineSettings, ScriptedSettings
from inference.start import build_engine

async def main():
    slow = ScriptedSettings(tokens_per_second=20, answer_tokens=2000)
    settings = EngineSettings(profile="scripted", ray_serve=True, replicas=1, scripted=slow)
    engine = build_engine(settings, Path(sys.argv[1]))
    await engine.start(lambda line, share: None)
    print(ray.get_runtime_context().gcs_address, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # of Ray's; read when it is imported
LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}


@dataclass(frozen=True, slots=True)
class Owner:
    process: subprocess.Popen[bytes]
    address: str

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def joining(self) -> dict[str, str]:
        """What the environment of who joins its Ray must have."""
        (folder,) = folders(self.pid)
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(folder / "token")}
        return token | ON_LOOPBACK


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owner]:
    folder = tmp_path_factory.mktemp("owner")
    (folder / "owner.py").write_text(OWNER)
    process = subprocess.Popen(
        [sys.executable, str(folder / "owner.py"), str(folder)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().decode().strip()
        assert address
        yield Owner(process, address)
    finally:
        process.kill()
        process.wait()


def folders(pid: int) -> list[Path]:
    return list(Path("/tmp").glob(f"outrider-ray-{pid}-*"))


def below(pid: int) -> set[EngineProcess]:
    return {one for one in with_descendants([pid]) if one.pid != pid}


def gone(processes: set[EngineProcess]) -> bool:
    deadline = time.monotonic() + 30
    while any(one.is_running() for one in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(one.is_running() for one in processes)


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def listening(processes: set[EngineProcess]) -> dict[int, str]:
    """The ports that these processes listen on beyond loopback, and who does."""
    sockets: dict[str, str] = {}
    for one in processes:
        for entry in Path(f"/proc/{one.pid}/fd").iterdir():
            try:
                sockets[str(entry.readlink())] = command(one.pid)[:80]
            except OSError:
                continue
    found = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                address, _, port = fields[1].partition(":")
                if address not in LOOPBACK:
                    found[int(port, 16)] = sockets[f"socket:[{fields[9]}]"]
    return found


def looked_for_cards(address: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What a process says that needs sixteen of them."""
    code = (
        "from inference.on_ray.cluster import require_gpus\n"
        f"require_gpus({address!r}, 16, 'maverick-hosts')"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | environment,
        timeout=120,
    )


def test_beyond_loopback_it_opens_one_port_a_replica_which_asks_for_its_token(owner: Owner) -> None:
    opened = listening(with_descendants([owner.pid]))
    assert [who for who in opened.values() if "ServeReplica" not in who] == []
    for port in opened:  # Serve has no setting for it
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary("/ray.serve.ASGIService/HandleRequest")
            with pytest.raises(grpc.RpcError) as refused:
                call(b"", timeout=10)
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_its_folder_and_its_token_are_for_us_alone(owner: Owner) -> None:
    (folder,) = folders(owner.pid)
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "token").stat().st_mode & 0o077 == 0


def test_nobody_joins_it_without_its_token(owner: Owner, tmp_path: Path) -> None:
    asked = looked_for_cards(owner.address, ON_LOOPBACK | {"HOME": str(tmp_path)})
    assert asked.returncode != 0
    assert "needs 16 GPUs" not in asked.stderr


def test_a_cluster_with_too_few_cards_is_refused_with_the_numbers(owner: Owner) -> None:
    said = looked_for_cards(owner.address, owner.joining).stderr
    assert f"needs 16 GPUs, and the Ray cluster at {owner.address} has 0, of which 0" in said


async def test_a_second_worker_joins_the_application_that_is_there_and_leaves_it_running(
    owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in owner.joining.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("ray._private.ray_constants.ENABLE_RAY_CLUSTER", False)
    replicas = {one for one in below(owner.pid) if "ray::ServeReplica" in command(one.pid)}
    settings = EngineSettings(profile="scripted", ray_serve=True, ray_address=owner.address)
    engine = build_engine(settings, tmp_path)
    assert isinstance(engine, RayServeEngine)
    await engine.start(quiet)
    assert (await engine.health()).state == "ready"
    assert engine.info.profile == "scripted"
    await nobody_wants_an_answer_any_more(engine)
    await engine.stop()
    assert replicas
    assert all(one.is_running() for one in replicas)


async def nobody_wants_an_answer_any_more(engine: RayServeEngine) -> None:
    """It ends in the replica as well, long before its two thousand words are said."""
    prompt = await engine.render([ChatMessage("user", "Tell me a story.")])
    stream = engine.generate(GenerationRequest("unwanted", prompt))
    await anext(stream)
    assert await engine.running_in_a_replica() == 1
    await stream.aclose()  # type: ignore[attr-defined]
    async with asyncio.timeout(30):
        while await engine.running_in_a_replica():
            await asyncio.sleep(0.05)


async def test_a_cluster_that_is_not_there_is_refused_with_the_setting_to_correct(
    tmp_path: Path,
) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{one.getsockname()[1]}"
    settings = EngineSettings(profile="scripted", ray_serve=True, ray_address=address)
    engine = build_engine(settings, tmp_path)
    with pytest.raises(EngineUnavailable, match=r"can't be joined.*OUTRIDER_ENGINE__RAY_ADDRESS"):
        await engine.start(quiet)
    assert (await engine.health()).state == "stopped"


async def test_after_stop_nothing_is_left_and_it_can_be_started_again(tmp_path: Path) -> None:
    slow = ScriptedSettings(tokens_per_second=20, answer_tokens=2000)
    settings = EngineSettings(profile="scripted", ray_serve=True, replicas=1, scripted=slow)
    engine = build_engine(settings, tmp_path)
    before = below(os.getpid())
    for _ in range(2):
        await engine.start(quiet)
        started = below(os.getpid()) - before
        assert started
        prompt = await engine.render([ChatMessage("user", "Tell me a story.")])
        stream = engine.generate(GenerationRequest("broken off", prompt))
        await anext(stream)
        rest = asyncio.create_task(read(stream))
        await engine.stop()
        with pytest.raises(EngineUnavailable):
            await rest
        assert gone(started)
        assert folders(os.getpid()) == []


async def read(stream: AsyncIterator[Delta]) -> None:
    async for _ in stream:
        pass


def test_folders_of_killed_owners_are_removed_and_those_of_living_ones_are_not() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, ours = (Path(f"/tmp/outrider-ray-{pid}-test") for pid in (ended.pid, os.getpid()))
    for folder in (left, ours):
        folder.mkdir()
    try:
        remove_left_over()
        assert not left.exists()
        assert ours.exists()
    finally:
        ours.rmdir()


def test_no_process_and_no_file_outlives_a_killed_owner(owner: Owner) -> None:
    started = below(owner.pid)
    assert len(started) >= 4  # the head, Ray's two servers, and a replica at least
    owner.process.kill()
    owner.process.wait()
    assert gone(started)
    assert folders(owner.pid) == []
