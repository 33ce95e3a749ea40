"""The Ray of our own and a team's: what it opens, what it leaves behind, what it refuses."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.errors import EngineUnavailable
from inference.processes import EngineProcess, with_descendants
from inference.ray_cluster import RayCluster
from inference.settings import EngineSettings
from inference.start import build_engine
from tests.support.demo import quiet

pytestmark = [pytest.mark.timeout(300)]

OWNER = """
import asyncio, sys
from pathlib import Path
from inference.settings import EngineSettings
from inference.start import build_engine

async def main():
    settings = EngineSettings(profile="scripted", ray_serve=True, replicas=2)
    engine = build_engine(settings, Path(sys.argv[1]))
    await engine.start(lambda line, share: print(line, flush=True))
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that owns a Ray with two replicas, which are ready."""
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        assert process.stdout is not None
        assert any(line == b"ready\n" for line in process.stdout)
        yield process
    finally:
        process.kill()
        process.wait()


def below(pid: int) -> set[EngineProcess]:
    return {one for one in with_descendants([pid]) if one.pid != pid}


def gone(processes: set[EngineProcess]) -> bool:
    deadline = time.monotonic() + 30
    while any(one.is_running() for one in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(one.is_running() for one in processes)


def listening(processes: set[EngineProcess]) -> set[str]:
    """The addresses, as /proc writes them, that these processes listen on."""
    sockets: set[str] = set()
    for one in processes:
        for entry in Path(f"/proc/{one.pid}/fd").iterdir():
            try:
                sockets.add(str(entry.readlink()))
            except OSError:
                continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                found.add(fields[1].partition(":")[0])
    return found


def folders(pid: int) -> list[Path]:
    return list(Path("/tmp").glob(f"outrider-ray-{pid}-*"))


def test_no_process_outlives_a_killed_owner_and_the_next_start_removes_its_folder(
    owner: subprocess.Popen[bytes],
) -> None:
    started = below(owner.pid)
    assert len(started) >= 4  # Ray's two servers, and two replicas at least
    assert len(folders(owner.pid)) == 1
    owner.kill()
    owner.wait()
    assert gone(started)
    from inference.ray_cluster import remove_left_over

    remove_left_over()
    assert folders(owner.pid) == []


def test_ray_of_our_own_listens_on_loopback_alone(owner: subprocess.Popen[bytes]) -> None:
    loopback = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
    opened = listening(below(owner.pid) | with_descendants([owner.pid]))
    assert opened
    assert opened <= loopback


async def test_after_stop_nothing_is_left_and_it_can_be_started_again(tmp_path: Path) -> None:
    settings = EngineSettings(profile="scripted", ray_serve=True, replicas=1)
    engine = build_engine(settings, tmp_path)
    before = below(os.getpid())
    for _ in range(2):
        await engine.start(quiet)
        started = below(os.getpid()) - before
        assert started
        await engine.stop()
        assert gone(started)
        assert folders(os.getpid()) == []


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def test_a_cluster_that_is_not_there_is_refused_with_the_setting_to_correct(
    tmp_path: Path,
) -> None:
    address = f"127.0.0.1:{free_port()}"
    settings = EngineSettings(profile="scripted", ray_serve=True, ray_address=address)
    engine = build_engine(settings, tmp_path)
    with pytest.raises(EngineUnavailable, match=r"can't be joined.*OUTRIDER_ENGINE__RAY_ADDRESS"):
        await engine.start(quiet)
    assert (await engine.health()).state == "stopped"


async def test_a_cluster_with_too_few_cards_is_refused_with_the_numbers(tmp_path: Path) -> None:
    cluster = RayCluster(None)
    await cluster.open()
    try:
        address = await cluster.call(gcs_address)
        code = (
            "from inference.ray_cluster import require_gpus\n"
            f"require_gpus({address!r}, 16, 'maverick-hosts')"
        )
        asked = await cluster.call(
            subprocess.run,
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )
    finally:
        await cluster.close()
    assert f"needs 16 GPUs, and the Ray cluster at {address} has 0, of which 0" in asked.stderr


def gcs_address() -> str:
    import ray

    return str(ray.get_runtime_context().gcs_address)


async def test_a_second_worker_joins_the_application_that_is_there_and_leaves_it_running(
    owner: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    address = address_of(owner.pid)
    settings = EngineSettings(profile="scripted", ray_serve=True, ray_address=address)
    replicas = below(owner.pid)
    engine = build_engine(settings, tmp_path)
    await engine.start(quiet)
    assert (await engine.health()).state == "ready"
    assert engine.info.profile == "scripted"
    await engine.stop()
    assert all(one.is_running() for one in replicas if one in below(owner.pid))
    assert owner.poll() is None


def address_of(pid: int) -> str:
    (folder,) = folders(pid)
    return (folder / "ray_current_cluster").read_text().strip()
