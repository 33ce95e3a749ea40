"""An engine is built anew while its worker stays: what runs may end, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.answering.supervision import Supervisor
from assistant.answering.worker import Worker
from assistant.directives import Directive
from assistant.errors import DirectiveRefused
from assistant.messages import ChatRef
from bots.obeying import Obeying
from inference.api import Progress
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.demo import quiet
from tests.support.house import CHAT, House, house, until, working

OTHER = ChatRef("telegram", "default", "43")


class CountedEngine(ScriptedEngine):
    starts = 0

    async def start(self, progress: Progress) -> None:
        self.starts += 1
        await super().start(progress)


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def built(home: House, **values: float) -> tuple[Worker, CountedEngine]:
    engine = CountedEngine(ScriptedSettings(**{"tokens_per_second": 500.0, **values}))
    return home.worker(engine, supervisor=Supervisor(engine, quiet)), engine


def begun(home: House) -> bool:
    return any("You wrote" in shown.text for shown in home.screen.chats[CHAT.chat_id])


async def test_what_is_being_answered_ends_first_and_what_comes_meanwhile_waits(
    home: House,
) -> None:
    worker, engine = built(home, tokens_per_second=60.0, answer_tokens=60)
    async with working(worker):
        first = (await home.say("A story")).turn_id
        await until(lambda: begun(home))
        restarting = asyncio.create_task(worker.restart_engine(20.0))

        async def draining() -> bool:
            return [(one.state, one.room) for one in await home.signals.workers()] == [
                ("draining", 0)
            ]

        await until(draining)
        second = (await home.say("And one for me", OTHER)).turn_id
        assert await restarting == 0
        ends = [(await home.answer(turn))[1] for turn in (first, second)]
    assert [(end.state, end.attempt) for end in ends] == [("done", 1), ("done", 1)]
    assert (engine.starts, worker.supervisor.rebuilds) == (2, {"asked": 1})
    assert await home.rows("SELECT sum(failures) FROM turns") == [(0,)]


async def test_what_is_not_over_in_time_goes_on_in_the_same_message_after_it(home: House) -> None:
    worker, engine = built(home, tokens_per_second=25.0, answer_tokens=60)
    async with working(worker):
        turn = (await home.say("A story")).turn_id
        await until(lambda: begun(home))
        assert await worker.restart_engine(0.0) == 1
        shown = home.screen.chats[CHAT.chat_id][0].text
        answer, last = await home.answer(turn)
        await until(lambda: home.screen.chats[CHAT.chat_id][0].last)
    assert (last.state, last.attempt, engine.starts) == ("done", 2, 2)
    assert answer.startswith(shown)
    assert [one.text for one in home.screen.chats[CHAT.chat_id]] == [answer]
    assert await home.rows("SELECT failures FROM turns") == [(0,)], "a restart is no failure"


async def test_two_restarts_at_once_are_one_after_the_other(home: House) -> None:
    worker, engine = built(home)
    async with working(worker):
        await until(lambda: worker.supervisor.state == "ready")
        await asyncio.gather(worker.restart_engine(1.0), worker.restart_engine(1.0))
        turn = (await home.say("Hello")).turn_id
        assert (await home.answer(turn))[1].state == "done"
    assert engine.starts == 3


async def test_a_directive_restarts_the_engine_of_this_process_or_says_that_it_has_none(
    home: House,
) -> None:
    worker, engine = built(home)
    restart = Directive("engine.restart", "worker", seconds=1.0)
    async with working(worker):
        await until(lambda: worker.supervisor.state == "ready")
        told = await Obeying(worker=worker).carry_out(restart)
    assert (told.startswith("The engine was built anew"), engine.starts) == (True, 2)
    with pytest.raises(DirectiveRefused, match="no engine in this process"):
        await Obeying().carry_out(restart)
