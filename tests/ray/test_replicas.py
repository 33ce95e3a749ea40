"""Two replicas of the demo model on a Ray of our own: one ends or is stuck, nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from inference.api import ChatMessage, Engine, GenerationRequest, Sampling
from inference.processes import EngineProcess, with_descendants
from inference.settings import EngineSettings
from inference.start import build_engine
from tests.support.demo import quiet, words
from tests.support.eight import ask_all
from tests.support.house import FAST, house, running, until

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(400)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def engine(demo_data_dir: Path) -> AsyncIterator[Engine]:
    settings = EngineSettings(profile="demo", ray_serve=True, replicas=2, stuck_after_seconds=8.0)
    engine = build_engine(settings, demo_data_dir)
    await engine.start(quiet)
    yield engine
    await engine.stop()


async def cached(engine: Engine, number: int) -> int:
    """Of a long prompt's tokens, how many its replica had in its prefix cache."""
    question = f"Conversation {number}: {words(250)}. What was the first word?"
    prompt = await engine.render([ChatMessage("user", question)])
    request = GenerationRequest("long", prompt, Sampling(temperature=0.0, max_tokens=2))
    return [delta async for delta in engine.generate(request)][-1].cached_tokens


async def test_a_prompt_that_comes_again_goes_to_the_replica_that_has_its_cache(
    engine: Engine,
) -> None:
    first = [await cached(engine, number) for number in range(6)]
    again = [await cached(engine, number) for number in range(6)]
    assert first == [0] * 6
    assert all(again)


def kill(replica: int) -> None:
    os.kill(replica, signal.SIGKILL)


def freeze_its_engine(replica: int) -> None:
    """What Serve asks of the replica is answered as ever."""
    for one in below(replica):
        os.kill(one.pid, signal.SIGSTOP)


@pytest.mark.parametrize("disturb", [kill, freeze_its_engine])
async def test_eight_answers_go_on_unchanged_when_one_replica_is_killed_or_its_engine_stands_still(
    engine: Engine, database_url: str, redis_url: str, disturb: Callable[[int], None]
) -> None:
    await until(lambda: whole(engine), 200)
    settings = FAST.model_copy(update={"answer_tokens": 80, "lease_seconds": 5.0})
    async with house(database_url, redis_url, settings=settings) as home:
        worker = home.worker(engine)
        async with running(asyncio.create_task(worker.run())):
            undisturbed = await (await ask_all(home, "calm")).texts()
            before = {pid: ticks(pid) for pid in replicas()}
            assert len(before) == 2
            eight = await ask_all(home, "storm")
            await eight.all_begun()
            busiest = max(before, key=lambda pid: ticks(pid) - before[pid])
            started = below(busiest)
            disturb(busiest)
            texts = await eight.texts()
            assert texts == undisturbed
            assert await eight.states() == {"done"}
            assert max(await eight.attempts()) > 1, "nobody was answered by that one"
            await until(lambda: len(set(replicas()) - {busiest}) == 2, 60)  # Serve starts another
            assert not any(one.is_running() for one in started)


async def whole(engine: Engine) -> bool:
    """Whether all its replicas are there."""
    health = await engine.health()
    return (health.state, health.detail) == ("ready", "")


def replicas() -> list[int]:
    """The processes of Serve's replicas below us."""
    found = with_descendants([os.getpid()])
    return [one.pid for one in found if b"ray::ServeReplica" in command(one.pid)]


def below(pid: int) -> set[EngineProcess]:
    return {one for one in with_descendants([pid]) if one.pid != pid}


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def ticks(pid: int) -> int:
    """The CPU that a process and all below it have used, in ticks."""
    used = 0
    for one in with_descendants([pid]):
        try:
            fields = Path(f"/proc/{one.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        used += int(fields[11]) + int(fields[12])
    return used
