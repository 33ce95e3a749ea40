"""The supervisor with the scripted engine: asleep, away, dead, and what readiness says of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pydantic import SecretStr
from structlog.testing import capture_logs

from assistant.answering.supervision import Supervisor
from assistant.messages import ChatRef
from inference.api import EngineHealth, Progress
from inference.errors import EngineUnavailable
from inference.profiles import profile_named
from inference.remote import engine as remote_engine
from inference.remote.engine import RemoteEngine
from inference.scripted import ScriptedEngine
from inference.settings import EngineSettings, ScriptedSettings
from tests.fakes.openai_server import KEY, OpenAiServer
from tests.support.demo import quiet
from tests.support.house import House, house, until, working


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


class HardToWake(ScriptedEngine):
    async def wake(self, progress: Progress) -> None:
        await asyncio.Event().wait()


class Sleepless(ScriptedEngine):
    """As vLLM's where the host's memory can't take its weights: it doesn't survive the try."""

    tried = looked = 0

    async def health(self) -> EngineHealth:
        self.looked += 1
        return await ScriptedEngine.health(self)

    async def sleep(self) -> None:
        self.tried += 1
        self._state = "dead"
        raise EngineUnavailable("The engine did not fall asleep: it took over 60 seconds.")


async def test_an_engine_that_could_not_fall_asleep_is_built_anew_once_and_then_stays_awake(
    home: House,
) -> None:
    engine = Sleepless(ScriptedSettings(tokens_per_second=1000))
    supervisor = Supervisor(engine, quiet, sleep_after_seconds=0.01)
    with capture_logs() as logs:
        await _seen_awake(home, engine, supervisor)
    assert (engine.tried, supervisor.rebuilds["died"]) == (1, 1)
    assert len([one for one in logs if one["event"] == "engine_sleeps_no_more"]) == 1


async def _seen_awake(home: House, engine: Sleepless, supervisor: Supervisor) -> None:
    async with working(home.worker(engine, supervisor=supervisor)):
        await until(lambda: supervisor.rebuilds["died"] and supervisor.state == "ready")
        looked = engine.looked
        await until(lambda: engine.looked > looked + 2)
        assert supervisor.state == "ready"
        _, last = await home.answer((await home.say("Awake?")).turn_id)
        assert last.state == "done"


async def test_only_an_engine_that_nobody_uses_falls_asleep(home: House) -> None:
    engine = ScriptedEngine(ScriptedSettings(tokens_per_second=20, answer_tokens=50))
    supervisor = Supervisor(engine, quiet, sleep_after_seconds=0.6)
    states: list[str] = []
    async with working(home.worker(engine, supervisor=supervisor)):
        await until(lambda: supervisor.state == "asleep")
        turn = (await home.say("A story")).turn_id
        await until(lambda: supervisor.state == "ready")
        following = asyncio.create_task(home.answer(turn))
        while not following.done():
            states.append(supervisor.state)
            await asyncio.sleep(0.05)
        reply, last = await following
        await until(lambda: supervisor.state == "asleep")
    assert set(states[:-1]) == {"ready"}, "an answer of two seconds keeps it awake"
    assert (last.state, last.attempt) == ("done", 1)
    assert reply


async def test_several_turns_that_find_it_asleep_are_all_answered_by_one_waking(
    home: House,
) -> None:
    engine = ScriptedEngine()
    supervisor = Supervisor(engine, quiet, sleep_after_seconds=0.3)
    async with working(home.worker(engine, supervisor=supervisor)):
        await until(lambda: supervisor.state == "asleep")
        chats = [ChatRef("telegram", "default", str(number)) for number in range(50, 58)]
        turns = [(await home.say("Hello", chat)).turn_id for chat in chats]
        replies = await asyncio.gather(*(home.answer(turn) for turn in turns))
    assert {(last.state, last.attempt) for _, last in replies} == {("done", 1)}


async def test_a_turn_is_stopped_also_while_its_engine_is_woken_for_it(home: House) -> None:
    engine = HardToWake()
    supervisor = Supervisor(engine, quiet, sleep_after_seconds=0.3)
    async with working(home.worker(engine, supervisor=supervisor)):
        await until(lambda: supervisor.state == "asleep")
        turn = (await home.say("Hello")).turn_id
        await until(lambda: supervisor.state == "waking")
        assert await home.service.stop(turn)
        async with asyncio.timeout(5):
            _, last = await home.answer(turn)
        assert (last.state, supervisor.state) == ("stopped", "waking")


async def test_an_endpoint_that_is_away_is_waited_for_and_never_rebuilt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote_engine, "LOOK_SECONDS", 0.5)
    server = OpenAiServer()
    await server.start()
    settings = EngineSettings(profile="remote", base_url=server.base_url, api_key=SecretStr(KEY))
    engine = RemoteEngine(settings, profile_named("remote"))
    supervisor = Supervisor(engine, quiet)
    watching = asyncio.create_task(supervisor.run())
    try:
        await until(lambda: supervisor.state == "ready")
        server.refusal = 503
        await until(lambda: supervisor.state == "away")
        assert not supervisor.answers
        server.refusal = None
        await until(lambda: supervisor.state == "ready")
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await engine.stop()
        await server.stop()
    assert not supervisor.rebuilds
