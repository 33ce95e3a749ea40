"""The engine's core is killed in mid-answer: the worker builds it anew, and the answer goes on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from inference.processes import multiprocessing_children
from inference.settings import EngineSettings
from inference.start import build_engine
from tests.support.house import FAST, House, house, until, working

pytestmark = [pytest.mark.model, pytest.mark.timeout(400)]


async def test_a_killed_core_is_rebuilt_and_the_answer_goes_on_in_the_same_message(
    demo_data_dir: Path, database_url: str, redis_url: str
) -> None:
    settings = FAST.model_copy(update={"answer_tokens": 80, "lease_seconds": 5.0})
    async with house(database_url, redis_url, settings=settings) as home:
        engine = build_engine(EngineSettings(), demo_data_dir)
        async with working(home.worker(engine)):
            turn = (await home.say("Write a long story about a dog.")).turn_id
            await until(lambda: home.screen.calls.count("edit") > 3, seconds=200)
            shown = home.screen.chats["42"][0].text
            (core,) = multiprocessing_children()
            os.kill(core, signal.SIGKILL)
            await until(lambda: ended(home, turn), seconds=200)
            reply, last = await home.answer(turn)
            await until(lambda: home.screen.chats["42"][0].final)
    assert last.state == "done"
    assert last.attempt > 1
    assert reply.startswith(shown[: len(shown) // 2]), "it went on from the checkpoint"
    assert [one.text for one in home.screen.chats["42"]] == [reply]


async def ended(home: House, turn: int) -> bool:
    ((state,),) = await home.rows("SELECT state FROM turns")
    return state not in ("queued", "running")
