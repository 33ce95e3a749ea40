"""An interrupted answer that can't be gone on from begins anew, in place of what was shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pydantic import SecretStr

from assistant.messages import ChatRef
from inference.api import ChatMessage, Sampling, Tool
from inference.profiles import profile_named
from inference.remote import RemoteEngine
from inference.scripted import ScriptedEngine
from inference.settings import EngineSettings, ScriptedSettings
from tests.fakes.openai_server import KEY, OpenAiServer
from tests.support.house import CHAT, House, house, until, working


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


@pytest_asyncio.fixture
async def server() -> AsyncIterator[OpenAiServer]:
    server = OpenAiServer()
    await server.start()
    yield server
    await server.stop()


async def test_an_endpoints_new_answer_replaces_what_was_shown(
    home: House, server: OpenAiServer
) -> None:
    settings = EngineSettings(profile="remote", base_url=server.base_url, api_key=SecretStr(KEY))
    server.answer_tokens, server.break_after, server.seconds_per_token = 90, 60, 0.02
    async with working(home.worker(RemoteEngine(settings, profile_named("remote")))):
        await home.say("herons?")
        await until(lambda: home.screen.chats[CHAT.chat_id])
        (shown,) = home.screen.chats[CHAT.chat_id]
        await until(lambda: "more20" in shown.text)
        await until(lambda: _failed_once(home))
        # The next attempt's answer is another, and shorter than what stands there.
        server.answer_tokens, server.break_after = 12, None
        await until(lambda: shown.final)
    assert len(server.requests) == 2
    assert shown.text == "You wrote 1 message, the last one: herons? more0 more1 more2 more3"
    assert home.screen.chats[CHAT.chat_id] == [shown]


@pytest.mark.parametrize(
    ("sampling", "begins_anew"),
    [
        (Sampling(), False),
        (Sampling(seed=7), True),
        (Sampling(logprobs=1), True),
        (Sampling(frequency_penalty=0.5), True),
        (Sampling(tools=(Tool("look"),)), True),
    ],
)
async def test_what_a_prefix_would_change_is_begun_anew_and_any_other_gone_on_with(
    home: House, sampling: Sampling, begins_anew: bool
) -> None:
    chat = ChatRef("api", "default", "request-1")
    asked = [ChatMessage("user", "herons?")]
    turn = (await home.service.accept_request(chat, asked, sampling)).turn_id
    pace = {"tokens_per_second": 50.0, "answer_tokens": 60}
    following = asyncio.create_task(_follow(home, turn))
    async with working(home.worker(ScriptedEngine(ScriptedSettings(**pace, fail_after_tokens=40)))):
        await until(lambda: _failed_once(home))
    async with working(home.worker(ScriptedEngine(ScriptedSettings(**pace)), "another")):
        starts, text = await following
    assert len(starts) > 1
    assert (starts[-1] == 0) is begins_anew
    assert len(text.split()) == 60


async def _failed_once(home: House) -> bool:
    return bool(await home.rows("SELECT FROM attempts WHERE error = 'engine_unavailable'"))


async def _follow(home: House, turn: int) -> tuple[list[int], str]:
    """At which character each attempt began, and the text as a reader puts it together."""
    starts: dict[int, int] = {}
    text = ""
    async with asyncio.timeout(30):
        async for delta in home.service.follow(turn):
            starts.setdefault(delta.attempt, delta.offset)
            text = text[: delta.offset] + delta.text
    return list(starts.values()), text
