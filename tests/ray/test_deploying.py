"""How replicas come to be on a cluster that others share: by one worker alone, anew where they
failed, and without those that don't come.

A cluster of our own stands for a team's; it has room for two replicas.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from inference.api import ChatMessage, GenerationRequest
from inference.errors import EngineUnavailable
from inference.on_ray import engine as ray_engine
from inference.on_ray.cluster import Head
from inference.on_ray.engine import RayServeEngine
from inference.settings import EngineSettings, ScriptedSettings
from inference.start import build_engine
from tests.support.demo import quiet

pytestmark = [pytest.mark.timeout(300)]

STARTS = """
import asyncio, sys, time
from pathlib import Path
from inference.on_ray.engine import RayServeEngine
from inference.profiles import profile_named
from inference.settings import EngineSettings

class Slow(RayServeEngine):
    def _require_room(self, *given):
        '''Asked between looking for the application and deploying it.'''
        print("deploys", flush=True)
        time.sleep(10)

async def main():
    settings = EngineSettings(
        profile="scripted", ray_serve=True, replicas=1, ray_address=sys.argv[1]
    )
    engine = Slow(profile_named("scripted"), settings, Path(sys.argv[2]))
    await engine.start(lambda line, share: None)
    print((await engine.health()).state, flush=True)
    await engine.stop()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    started = Head.started(2)
    yield started
    started.end()


@pytest.fixture
def joining(head: Head, monkeypatch: pytest.MonkeyPatch) -> str:
    """The cluster's address, with what the environment of who joins it must have."""
    for name, value in head.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("ray._private.ray_constants.ENABLE_RAY_CLUSTER", False)
    return head.address


def engine_of(profile: str, address: str, data_dir: Path, replicas: int = 1) -> RayServeEngine:
    settings = EngineSettings(
        profile=profile,
        ray_serve=True,
        replicas=replicas,
        ray_address=address,
        scripted=ScriptedSettings(answer_tokens=20),
    )
    engine = build_engine(settings, data_dir)
    assert isinstance(engine, RayServeEngine)
    return engine


@asynccontextmanager
async def started(engine: RayServeEngine) -> AsyncIterator[RayServeEngine]:
    """Takes its application along when it ends."""
    await engine.start(quiet)
    try:
        yield engine
    finally:
        await delete(engine, engine._name)
        await engine.stop()


async def delete(engine: RayServeEngine, name: str) -> None:
    from ray import serve

    await engine._cluster.call(serve.delete, name)


def own_profile(data_dir: Path, name: str) -> Path:
    """The file of a profile that a replica finds only while it lies there."""
    (data_dir / "profiles").mkdir(exist_ok=True)
    file = data_dir / "profiles" / f"{name}.toml"
    file.write_text('runner = "scripted"\n')
    return file


async def test_what_failed_to_deploy_says_why_and_is_deployed_again(
    joining: str, tmp_path: Path
) -> None:
    profile = own_profile(tmp_path, "mended")
    engine = engine_of("mended", joining, tmp_path)
    profile.rename(tmp_path / "elsewhere")
    with pytest.raises(EngineUnavailable, match=r"did not start: .*There is no profile 'mended'"):
        await engine.start(quiet)
    (tmp_path / "elsewhere").rename(profile)
    async with started(engine):
        assert (await engine.health()).state == "ready"


async def test_a_replica_that_does_not_come_is_not_waited_for_for_ever(
    joining: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_engine, "GRACE_SECONDS", 1.0)
    own_profile(tmp_path, "second")
    first = engine_of("scripted", joining, tmp_path)
    await first.start(quiet)
    await first.stop()  # its application stays, and leaves room for one more
    async with started(engine_of("second", joining, tmp_path, replicas=2)) as engine:
        health = await engine.health()
        assert health.state == "ready"
        assert health.detail.startswith("1 of 2 replicas are ready")
        await delete(engine, first._name)


async def test_what_replicas_know_of_themselves_is_in_the_statistics_and_tokens_count_once(
    joining: str, tmp_path: Path
) -> None:
    async with started(engine_of("scripted", joining, tmp_path)) as engine:
        prompt = await engine.render([ChatMessage("user", "Tell me a story.")])
        stream = engine.generate(GenerationRequest("one", prompt))
        last = [delta async for delta in stream][-1]
        async with asyncio.timeout(60):
            while (seen := engine.statistics()).time_to_first_token is None or not sum(
                seen.time_to_first_token.counts
            ):
                await asyncio.sleep(0.05)
        assert sum(seen.time_to_first_token.counts) == 1
        assert (seen.prompt_tokens, seen.output_tokens) == (last.prompt_tokens, last.output_tokens)


def test_of_two_workers_that_start_together_one_deploys(joining: str, tmp_path: Path) -> None:
    (tmp_path / "starts.py").write_text(STARTS)
    command = [sys.executable, str(tmp_path / "starts.py"), joining, str(tmp_path)]
    path = {"PYTHONPATH": str(Path(__file__).parents[2])}
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | path)
        for _ in range(2)
    ]
    said = [one.communicate(timeout=200)[0].split() for one in both]
    assert sorted(said) == [["deploys", "ready"], ["ready"]]
