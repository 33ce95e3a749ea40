"""An engine that can't be built again: the worker says so and ends with a sentence after its tries.
Its turns are another worker's."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from assistant.answering.supervision import Supervisor
from inference.errors import EngineUnavailable
from inference.processes import multiprocessing_children
from inference.scripted import ScriptedEngine
from inference.settings import EngineSettings, ScriptedSettings
from inference.start import build_engine
from tests.support.demo import quiet
from tests.support.house import FAST, house, until, working

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(400)]


async def test_the_worker_ends_in_a_sentence_and_its_turn_is_another_workers(
    demo_data_dir: Path, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    (whole,) = [one.parent for one in demo_data_dir.glob("models/**/config.json")]
    model = tmp_path / "model"
    model.symlink_to(whole)
    settings = FAST.model_copy(update={"answer_tokens": 200, "lease_seconds": 5.0})
    async with house(database_url, redis_url, settings=settings) as home:
        engine = build_engine(EngineSettings(model=str(model)), demo_data_dir)
        supervisor = Supervisor(engine, quiet)
        worker = asyncio.create_task(home.worker(engine, supervisor=supervisor).run())
        turn = (await home.say("Write a long story about a dog.")).turn_id
        await until(lambda: home.screen.calls.count("edit") > 3, seconds=400)
        model.unlink()
        (core,) = multiprocessing_children()
        os.kill(core, signal.SIGKILL)
        await until(lambda: supervisor.state == "dead", seconds=60)

        async def said() -> bool:
            return any("no model at" in one.detail for one in await home.signals.workers())

        await until(said)
        with pytest.raises(BaseExceptionGroup) as ended:
            await worker
        known = ended.value.subgroup(EngineUnavailable)
        assert known is not None
        assert "could not be started again" in str(known.exceptions[0])
        assert await home.signals.workers() == []
        other = ScriptedEngine(ScriptedSettings(tokens_per_second=500))
        async with working(home.worker(other, "another")):
            reply, last = await home.answer(turn)
    assert last.state == "done"
    assert "a long story about a dog" in reply
    assert supervisor.rebuilds == {"died": 1}
