"""A stream of the API whose text is late: it begins all the same, and no proxy closes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

from tests.contract.test_api import HI, api, failing
from tests.support.chat_app import KEY
from tests.support.memory_assistant import MemoryAssistant, _Turn

QUIET = 0.05  # seconds
PATHS = ("chat/completions", "completions")
ASKED = {"messages": HI, "prompt": "hi", "stream": True}
HEADERS = {"authorization": f"Bearer {KEY.get_secret_value()}"}
Ask = Callable[[openai.AsyncOpenAI], Any]


def ask_chat(client: openai.AsyncOpenAI) -> Any:
    return client.chat.completions.create(model="any", messages=HI, stream=True)


def ask_text(client: openai.AsyncOpenAI) -> Any:
    return client.completions.create(model="any", prompt="hi", stream=True)


class Held(MemoryAssistant):
    """Nothing becomes of a turn, no failure either, before `may_write` is set."""

    async def _generate(self, turn: _Turn) -> None:
        await self.may_write.wait()
        await super()._generate(turn)


@pytest.mark.parametrize("path", PATHS)
async def test_a_stream_without_text_begins_and_is_kept_alive(path: str) -> None:
    async with (
        api(kind=Held, quiet_seconds=QUIET) as (assistant, client),
        httpx.AsyncClient(base_url=str(client.base_url), headers=HEADERS) as http,
    ):
        assistant.may_write.clear()
        async with http.stream("POST", path, json=ASKED) as response:
            assert response.status_code == 200
            lines, comments = response.aiter_lines(), 0
            while comments < 2:
                comments += (await anext(lines)).startswith(":")
            assistant.may_write.set()
            events = [line async for line in lines if line.startswith("data:")]
        assert "You" in events[0]
        assert events[-1] == "data: [DONE]"


@pytest.mark.parametrize("ask", [ask_chat, ask_text])
async def test_the_openai_client_reads_past_the_comments(ask: Ask) -> None:
    async with api(quiet_seconds=QUIET, pace_seconds=4 * QUIET) as (_, client):
        choices = [chunk.choices[0] async for chunk in await ask(client)]
    texts = [one.delta.content if hasattr(one, "delta") else one.text for one in choices]
    assert "".join(text or "" for text in texts) == "You said: hi"
    assert choices[-1].finish_reason == "stop"


@pytest.mark.parametrize("ask", [ask_chat, ask_text])
async def test_what_fails_after_a_stream_has_begun_is_an_event(ask: Ask) -> None:
    async with api(kind=Held, script=failing("deadline"), quiet_seconds=QUIET) as (held, client):
        held.may_write.clear()
        stream = await ask(client)
        held.may_write.set()
        with pytest.raises(openai.APIError, match="It failed") as failed:
            async for _ in stream:
                pass
        assert failed.value.code == "deadline"


@pytest.mark.parametrize("path", PATHS)
async def test_who_leaves_a_stream_without_text_stops_the_turn(path: str) -> None:
    async with (
        api(kind=Held, quiet_seconds=QUIET) as (assistant, client),
        httpx.AsyncClient(base_url=str(client.base_url), headers=HEADERS) as http,
    ):
        assistant.may_write.clear()
        async with http.stream("POST", path, json=ASKED) as response:
            assert response.status_code == 200
        async with asyncio.timeout(10):
            await assistant.reached("stopped")
