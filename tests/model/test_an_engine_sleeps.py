"""An engine that nobody asks gives its memory back, and a message wakes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.answering.supervision import Supervisor
from assistant.messages import ChatRef
from bots.health import ANSWERING, engine_line
from inference.processes import EngineProcess, multiprocessing_children, with_descendants
from inference.settings import EngineSettings
from inference.start import build_engine
from tests.support.demo import quiet
from tests.support.house import FAST, house, until, working

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(400)]


async def test_a_message_wakes_an_engine_that_sleeps_and_is_answered(
    demo_data_dir: Path, database_url: str, redis_url: str
) -> None:
    settings = FAST.model_copy(update={"answer_tokens": 12})
    async with house(database_url, redis_url, settings=settings) as home:
        engine = build_engine(EngineSettings(sleep_after_seconds=1.0), demo_data_dir)
        supervisor = Supervisor(engine, quiet, sleep_after_seconds=1.0)
        async with working(home.worker(engine, supervisor=supervisor)):
            await until(lambda: supervisor.state == "ready", seconds=400)
            running = with_descendants(multiprocessing_children())
            held = sum(resident_bytes(one) for one in running)
            await until(lambda: supervisor.state == "asleep", seconds=60)
            await until(lambda: not any(one.is_running() for one in running))
            assert held > 1 << 30, "the weights and the cache were there, and are gone"

            async def said() -> bool:
                return engine_line(await home.signals.workers()) == "asleep"

            await until(said)
            assert "asleep" in ANSWERING
            (present,) = await home.signals.workers()
            assert present.info is not None, "who asks what is served still learns it"
            turn = (await home.say("Say hello.")).turn_id
            await until(lambda: supervisor.state == "waking", seconds=60)
            second = await home.say("And you?", ChatRef("telegram", "default", "43"))
            await until(lambda: supervisor.state == "ready", seconds=400)
            replies = [await home.answer(one) for one in (turn, second.turn_id)]
    assert [(last.state, last.attempt) for _, last in replies] == [("done", 1)] * 2
    assert all(reply.strip() for reply, _ in replies)
    assert not supervisor.rebuilds


def resident_bytes(process: EngineProcess) -> int:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    (line,) = [one for one in lines if one.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024
