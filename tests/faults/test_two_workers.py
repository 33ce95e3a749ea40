"""Two workers with the real model, joined by Postgres and Redis; one is killed, nothing lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.eight import ask_all
from tests.support.house import House, house, until
from tests.support.program import Program

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(400)]

Make = Callable[..., Program]
START_SECONDS = 240.0


async def test_eight_answers_go_on_unchanged_when_one_of_two_workers_is_killed(
    outrider: Make, tmp_path: Path, demo_data_dir: Path, database_url: str, redis_url: str
) -> None:
    settings = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "ENGINE__PROFILE": "demo",
        "ASSISTANT__ANSWER_TOKENS": "80",
        "ASSISTANT__CONCURRENT_TURNS": "4",  # so that both have a part of the eight
        "ASSISTANT__CHECKPOINT_SECONDS": "0.2",
    }
    async with house(database_url, redis_url) as home:
        workers = [
            outrider(
                data_dir(tmp_path / name, demo_data_dir), settings=settings, command=("worker",)
            )
            for name in ("one", "other")
        ]
        for worker in workers:
            worker.start()
        await until(lambda: ready(home, workers), START_SECONDS)
        undisturbed = await (await ask_all(home, "calm")).texts()
        eight = await ask_all(home, "storm")
        await eight.all_begun()
        busiest, _ = (await eight.running())[0]
        killed = int(busiest.split(":")[1])  # host, process, and a part of chance
        assert killed in {worker.process.pid for worker in workers}
        os.kill(killed, signal.SIGKILL)
        texts = await eight.texts()
        assert texts == undisturbed
        assert await eight.states() == {"done"}
        assert max(await eight.attempts()) > 1, "nobody was answered by the killed one"


async def ready(home: House, workers: list[Program]) -> bool:
    for worker in workers:
        assert worker.process.poll() is None, worker.output
    return sum(one.state == "ready" for one in await home.signals.workers()) == len(workers)


def data_dir(folder: Path, demo_data_dir: Path) -> Path:
    folder.mkdir()
    (folder / "models").symlink_to(demo_data_dir / "models")
    return folder
