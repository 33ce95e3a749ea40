"""What a remote endpoint's answers and refusals come to: on the turn, and in the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import openai
import pytest
from pydantic import SecretStr

from assistant.messages import ChatRef
from inference.api import ChatMessage, Sampling
from inference.profiles import profile_named
from inference.remote.engine import RemoteEngine
from inference.settings import EngineSettings
from tests.fakes.openai_server import KEY as ENDPOINTS_KEY
from tests.fakes.openai_server import OpenAiServer
from tests.support.chat_app import KEY, chat_app
from tests.support.house import FAST, House, house, until, working
from tests.support.serving import serving

ASKED = [ChatMessage("user", "herons? " * 50)]
ABOUT = len(ASKED[0].content) // 4 + 1  # tokens
REQUEST = ChatRef("api", "default", "request-1")
USED = "SELECT state, prompt_tokens, output_tokens FROM turns"


@asynccontextmanager
async def answering(
    database_url: str, redis_url: str, endpoint: OpenAiServer, **settings: float
) -> AsyncIterator[House]:
    remote = EngineSettings(
        profile="remote", base_url=endpoint.base_url, api_key=SecretStr(ENDPOINTS_KEY)
    )
    engine = RemoteEngine(remote, profile_named("remote"))
    chosen = FAST.model_copy(update=settings)
    async with (
        house(database_url, redis_url, settings=chosen) as home,
        working(home.worker(engine)),
    ):
        yield home


async def ask(home: House) -> int:
    return (await home.service.accept_request(REQUEST, ASKED, Sampling())).turn_id


async def used(home: House) -> tuple[object, ...]:
    [row] = await home.rows(USED)
    return tuple(row)


async def test_an_answer_that_is_stopped_counts_about_what_was_read_and_written(
    database_url: str, redis_url: str, endpoint: OpenAiServer
) -> None:
    endpoint.answer_tokens, endpoint.seconds_per_token = 400, 0.02
    async with answering(database_url, redis_url, endpoint) as home:
        turn = await ask(home)

        async def shown() -> bool:
            return bool(await home.rows("SELECT FROM turns WHERE strpos(reply, 'more5') > 0"))

        await until(shown)
        assert await home.service.stop(turn)
        reply, _ = await home.answer(turn)
        assert await used(home) == ("stopped", ABOUT, len(reply) // 4 + 1)


async def test_an_endpoint_that_counts_nothing_is_counted_here(
    database_url: str, redis_url: str, endpoint: OpenAiServer
) -> None:
    endpoint.usage = False
    async with answering(database_url, redis_url, endpoint) as home:
        reply, _ = await home.answer(await ask(home))
        assert await used(home) == ("done", ABOUT, len(reply) // 4 + 1)


async def test_a_prompt_whose_time_was_over_was_read_all_the_same(
    database_url: str, redis_url: str, endpoint: OpenAiServer
) -> None:
    endpoint.answer_tokens, endpoint.seconds_per_token = 4000, 0.02
    async with answering(database_url, redis_url, endpoint, deadline_seconds=1.5) as home:
        reply, last = await home.answer(await ask(home))
        assert last.error_code == "deadline"
        assert await used(home) == ("failed", ABOUT, len(reply) // 4 + 1)


async def test_what_was_refused_was_not_read(
    database_url: str, redis_url: str, endpoint: OpenAiServer
) -> None:
    async with answering(database_url, redis_url, endpoint) as home:
        await until(home.service.engine_info)
        endpoint.refusal, endpoint.error = 400, {"code": "context_length_exceeded"}
        _, last = await home.answer(await ask(home))
        assert last.error_code == "prompt_too_long"
        assert await used(home) == ("failed", 0, 0)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"code": "context_length_exceeded"}, "context_length_exceeded"),
        ({"param": "response_format"}, "bad_grammar"),
        ({}, "sampling_refused"),
    ],
)
async def test_what_the_endpoint_refuses_is_the_clients_own_fault(
    database_url: str, redis_url: str, endpoint: OpenAiServer, said: dict[str, str], code: str
) -> None:
    async with (
        answering(database_url, redis_url, endpoint) as home,
        serving(chat_app(home.service)) as address,
        openai.AsyncOpenAI(
            base_url=f"{address}/v1", api_key=KEY.get_secret_value(), max_retries=0
        ) as client,
    ):
        await until(home.service.engine_info)
        endpoint.refusal, endpoint.error = 400, said
        with pytest.raises(openai.BadRequestError) as refused:
            await client.chat.completions.create(
                model="any", messages=[{"role": "user", "content": "hi"}]
            )
        assert refused.value.code == code
