"""The engine's core stands still in mid-answer, alive: it is ended, built anew, and the answer goes
on in the same message."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Collection
from pathlib import Path

import pytest

from assistant.answering.supervision import Supervisor
from assistant.messages import ChatRef
from inference.api import ChatMessage, GenerationRequest, Sampling
from inference.errors import EngineUnavailable
from inference.processes import EngineProcess, multiprocessing_children, with_descendants
from inference.settings import EngineSettings
from inference.start import build_engine
from tests.support.demo import quiet
from tests.support.house import FAST, House, house, until, working

pytestmark = [pytest.mark.model, pytest.mark.timeout(400)]


async def test_a_core_that_stands_still_is_rebuilt_and_the_answer_goes_on_in_place(
    demo_data_dir: Path, database_url: str, redis_url: str
) -> None:
    settings = FAST.model_copy(update={"answer_tokens": 80, "lease_seconds": 5.0})
    async with house(database_url, redis_url, settings=settings) as home:
        engine = build_engine(EngineSettings(), demo_data_dir)
        supervisor = Supervisor(engine, quiet, stuck_after_seconds=6.0)
        async with working(home.worker(engine, supervisor=supervisor)):
            expected = await told(home, "41")
            turn = await home.say("Write a long story about a dog.")
            await until(lambda: home.screen.calls.count("edit") > 3, seconds=400)
            stopped = frozen()
            await until(lambda: supervisor.state == "rebuilding", seconds=60)
            shown = home.screen.chats["42"][0].text
            await until(lambda: said(home, "no step for 6 seconds while an answer waited"))
            await until(lambda: supervisor.state == "ready", seconds=400)
            assert not any(one.is_running() for one in stopped)
            reply, last = await home.answer(turn.turn_id)
            await until(lambda: home.screen.chats["42"][0].final)
    assert (last.state, last.attempt > 1) == ("done", True)
    assert supervisor.rebuilds == {"stuck": 1}
    assert reply.startswith(shown), "nothing that was seen is taken back"
    assert reply == expected, "nothing twice, nothing left out"
    assert [one.text for one in home.screen.chats["42"]] == [reply]


async def said(home: House, why: str) -> bool:
    """Whether the worker says of itself that it is rebuilding its engine, and why."""
    (present,) = await home.signals.workers()
    return present.state == "rebuilding" and why in present.detail


async def told(home: House, chat_id: str) -> str:
    """The same question's answer without a disturbance."""
    turn = await home.say(
        "Write a long story about a dog.", ChatRef("telegram", "default", chat_id)
    )
    await until(lambda: ended(home, turn.turn_id), seconds=400)
    home.screen.calls.clear()
    return (await home.answer(turn.turn_id))[0]


async def ended(home: House, turn: int) -> bool:
    sql = "SELECT state FROM turns WHERE id = %(turn)s"
    ((state,),) = await home.rows(sql, {"turn": turn})
    return state not in ("queued", "running")


def frozen(others: Collection[int] = ()) -> set[EngineProcess]:
    """The engine's processes, each stopped and none ended; `others` are not the engine's."""
    found = with_descendants(multiprocessing_children().difference(others))
    for one in found:
        os.kill(one.pid, signal.SIGSTOP)
    return found


@pytest.mark.slow
async def test_stopping_an_engine_ends_what_it_still_answers(demo_data_dir: Path) -> None:
    others = multiprocessing_children()
    engine = build_engine(EngineSettings(), demo_data_dir)
    await engine.start(quiet)
    begun = asyncio.Event()

    async def consume() -> None:
        prompt = await engine.render([ChatMessage("user", "Write a long story.")])
        request = GenerationRequest("long", prompt, Sampling(temperature=0.0, max_tokens=4000))
        async for _ in engine.generate(request):
            begun.set()

    consuming = asyncio.create_task(consume())
    await begun.wait()
    frozen(others)
    await engine.stop()
    with pytest.raises(EngineUnavailable):
        await consuming
    assert (await engine.health()).state == "stopped"
    assert multiprocessing_children() <= others
