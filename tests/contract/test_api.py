"""The public API over real HTTP, with the client that people use, and with a fuzzer."""

import asyncio
import base64
import threading
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import httpx
import openai
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings, strategies
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    positive_data_acceptance,
    use_after_free,
)

from bots.http.stream import QUIET_SECONDS
from inference.api import MOST_IMAGES
from tests.support.chat_app import KEY, chat_app
from tests.support.memory_assistant import INFO, MemoryAssistant, ScriptedFailure, words
from tests.support.pictures import png
from tests.support.serving import serving

PIXEL = f"data:image/png;base64,{base64.b64encode(png(1, 1)).decode()}"
HI = [{"role": "user", "content": "hi"}]
# What these mean together (a choice that names a tool which is there, …) a schema can't say.
LINKED = {"tools", "tool_choice", "response_format", "structured_outputs", "top_logprobs"}


@asynccontextmanager
async def api(kind=MemoryAssistant, quiet_seconds=QUIET_SECONDS, **options):
    async with (
        kind(**options) as assistant,
        serving(chat_app(assistant, quiet_seconds=quiet_seconds)) as address,
        openai.AsyncOpenAI(
            base_url=f"{address}/v1", api_key=KEY.get_secret_value(), max_retries=0, timeout=20
        ) as client,
    ):
        yield assistant, client


def forever(messages):
    while True:
        yield " more"


def failing(code, said=""):
    def script(messages):
        yield from words(said)
        raise ScriptedFailure("It failed.", code)

    return script


async def test_the_openai_client_gets_a_whole_answer():
    async with api() as (_, client):
        answer = await client.chat.completions.create(model="any", messages=HI)
        assert answer.choices[0].message.content == "You said: hi"
        assert answer.choices[0].finish_reason == "stop"
        assert answer.model == "echo-1"
        assert answer.usage.completion_tokens == 3
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + 3


async def test_the_openai_client_gets_a_streamed_answer():
    async with api(pace_seconds=0.01) as (_, client):
        stream = await client.chat.completions.create(
            model="any", messages=HI, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        pieces = [c.choices[0].delta.content for c in chunks if c.choices]
        assert "".join(piece or "" for piece in pieces) == "You said: hi"
        assert sum(1 for piece in pieces if piece) >= 2
        assert chunks[-2].choices[0].finish_reason == "stop"
        assert chunks[-1].usage.completion_tokens == 3


class Forgetful(MemoryAssistant):
    """Its database goes away while something is answered."""

    async def follow(self, turn_id, offset=0):
        async with aclosing(super().follow(turn_id, offset)) as deltas:
            async for delta in deltas:
                self.storage_works = False
                self._check_storage()
                yield delta

    async def stop(self, turn_id):
        self._check_storage()
        return await super().stop(turn_id)


@pytest.mark.parametrize("stream", [False, True])
async def test_what_was_stored_is_never_said_not_to_be(stream):
    for asking in (
        lambda client: client.chat.completions.create(model="any", messages=HI, stream=stream),
        lambda client: client.completions.create(model="any", prompt="hi", stream=stream),
    ):
        async with api(kind=Forgetful) as (_, client):
            with pytest.raises(openai.InternalServerError) as broken:
                await asking(client)
        assert (broken.value.status_code, broken.value.code) == (503, "interrupted")
        assert "Nothing was stored" not in broken.value.message


async def test_the_messages_are_the_whole_context_and_nothing_is_remembered():
    async with api(script=lambda m: iter([" | ".join(x.content for x in m)])) as (_, client):
        messages = [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "1"},
            {"role": "user", "content": [{"type": "text", "text": "two"}]},
        ]
        for _ in range(2):
            answer = await client.chat.completions.create(model="any", messages=messages)
            assert answer.choices[0].message.content == "be brief | one | 1 | two"


async def test_an_answer_that_was_cut_says_so():
    async with api() as (_, client):
        answer = await client.chat.completions.create(model="any", messages=HI, max_tokens=2)
        assert answer.choices[0].message.content == "You said:"
        assert answer.choices[0].finish_reason == "length"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_hangs_up_stops_the_turn(stream):
    async with api(script=forever, pace_seconds=0.005) as (assistant, client):
        body = {"messages": HI, "stream": stream}
        headers = {"authorization": f"Bearer {KEY.get_secret_value()}"}
        async with httpx.AsyncClient(base_url=str(client.base_url), headers=headers) as http:
            asking = asyncio.create_task(_read_a_little(http, body))
            await assistant.reached("running")
            if not stream:
                asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        async with asyncio.timeout(10):
            await assistant.reached("stopped")


async def _read_a_little(http, body):
    async with http.stream("POST", "chat/completions", json=body) as response:
        async for _ in response.aiter_lines():
            return


async def test_without_the_key_nothing_is_told():
    async with api() as (assistant, client):
        for key in ("wrong", "x"):
            with pytest.raises(openai.AuthenticationError) as refused:
                await client.with_options(api_key=key).chat.completions.create(
                    model="any", messages=HI
                )
            assert refused.value.code == "invalid_api_key"
        async with httpx.AsyncClient(base_url=str(client.base_url)) as http:
            answer = await http.get("models")
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert (await http.post("chat/completions", content=b"\xff")).status_code == 401
        assert assistant.states() == []


async def test_while_no_engine_is_there_it_is_503_with_a_time_to_come_back():
    async with api(info=None) as (assistant, client):
        with pytest.raises(openai.APIStatusError) as refused:
            await client.chat.completions.create(model="any", messages=HI)
        assert refused.value.status_code == 503
        assert refused.value.response.headers["retry-after"] == "5"
        assert assistant.states() == []


async def test_where_the_queue_is_full_the_client_is_told_when_to_try_again():
    async with api() as (assistant, client):
        assistant.queue_full = True
        for stream in (False, True):
            with pytest.raises(openai.RateLimitError, match="questions are waiting") as refused:
                await client.chat.completions.create(model="any", messages=HI, stream=stream)
            assert refused.value.code == "queue_full"
            assert int(refused.value.response.headers["retry-after"]) > 0
        assert assistant.states() == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("code", "status", "public"),
    [
        ("prompt_too_long", 400, "context_length_exceeded"),
        ("engine_overloaded", 429, "engine_overloaded"),
        ("deadline", 503, "deadline"),
        ("engine_unavailable", 503, "engine_unavailable"),
        ("engine_error", 500, "engine_error"),
    ],
)
async def test_a_turn_that_fails_before_its_first_word_has_a_status(stream, code, status, public):
    async with api(script=failing(code)) as (_, client):
        with pytest.raises(openai.APIStatusError) as refused:
            await client.chat.completions.create(model="any", messages=HI, stream=stream)
        assert (refused.value.status_code, refused.value.code) == (status, public)
        assert "It failed." in str(refused.value)


async def test_a_turn_that_fails_in_mid_stream_raises_in_the_client():
    async with api(script=failing("engine_error", "I was"), pace_seconds=0.01) as (_, client):
        stream = await client.chat.completions.create(model="any", messages=HI, stream=True)
        got = ""
        with pytest.raises(openai.APIError, match="It failed"):
            async for chunk in stream:
                got += chunk.choices[0].delta.content or ""
        assert got == "I was"


async def test_a_value_that_can_not_be_used_is_named():
    async with api() as (_, client):
        with pytest.raises(openai.BadRequestError) as refused:
            await client.chat.completions.create(model="any", messages=HI, temperature=9)
        assert refused.value.param == "temperature"
        with pytest.raises(openai.BadRequestError, match="n: "):
            await client.chat.completions.create(model="any", messages=HI, n=2)


LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


async def test_what_the_model_can_not_do_is_refused_before_anything_is_asked():
    unable = replace(INFO, tools=False, formats=("json_object",), logprobs=False)
    async with api(info=unable) as (assistant, client):
        for param, fields in (
            ("tools", {"tools": [LOOK]}),
            ("logprobs", {"logprobs": True}),
            ("response_format", {"extra_body": {"structured_outputs": {"regex": "a+"}}}),
        ):
            with pytest.raises(openai.BadRequestError) as refused:
                await client.chat.completions.create(model="any", messages=HI, **fields)
            assert refused.value.param == param
        assert assistant.states() == []
        unused = {"tools": [LOOK], "tool_choice": "none"}
        assert await client.chat.completions.create(model="any", messages=HI, **unused)


@pytest.mark.parametrize(
    ("code", "param"),
    [
        ("bad_grammar", "response_format"),
        ("images_refused", "messages"),
        ("sampling_refused", None),
    ],
)
async def test_what_only_the_engine_can_tell_is_a_bad_request_too(code, param):
    async with api(script=failing(code)) as (_, client):
        for stream in (False, True):
            with pytest.raises(openai.BadRequestError) as refused:
                await client.chat.completions.create(model="any", messages=HI, stream=stream)
            assert (refused.value.code, refused.value.param) == (code, param)


async def test_probabilities_come_whole_and_behind_a_streams_text():
    async with api() as (_, client):
        asked = {"model": "any", "messages": HI, "logprobs": True, "top_logprobs": 1}
        whole = await client.chat.completions.create(**asked)
        tokens = [one.token for one in whole.choices[0].logprobs.content]
        assert "".join(tokens) == "You said: hi"
        assert bytes(whole.choices[0].logprobs.content[0].bytes).decode() == tokens[0]
        stream = await client.chat.completions.create(**asked, stream=True)
        given = [chunk.choices[0].logprobs async for chunk in stream if chunk.choices]
        assert [one.token for logprobs in given if logprobs for one in logprobs.content] == tokens
        assert (await client.chat.completions.create(model="any", messages=HI)).choices[
            0
        ].logprobs is None


async def test_a_body_that_is_too_large_is_413():
    async with api() as (_, client):
        with pytest.raises(openai.APIStatusError) as refused:
            huge = [{"role": "user", "content": "x" * (5 * 1024 * 1024)}]
            await client.chat.completions.create(model="any", messages=huge)
        assert refused.value.status_code == 413


@pytest.fixture
def served_api():
    """The API in a thread of its own: the fuzzer is not asynchronous."""
    ready, done, address = threading.Event(), threading.Event(), []

    async def serve():
        info = replace(INFO, vision=True, embeddings="vectors-1")
        async with MemoryAssistant(info=info) as assistant, serving(chat_app(assistant)) as where:
            address.append(where)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    yield address[0]
    done.set()
    thread.join(20)


# A schema can't say what is in an image; this is one of a single pixel.
schemathesis.openapi.format("image-data-url", strategies.just(PIXEL))


def test_the_api_keeps_its_own_document_whatever_is_sent(served_api):
    schema = schemathesis.openapi.from_url(f"{served_api}/openapi.json")
    called = set()

    for operation in schema.get_all_operations():
        called.add(operation.ok().label)
        _fuzz(operation.ok())
    assert called == {
        "GET /v1/models",
        "GET /v1/models/{model}",
        "POST /v1/chat/completions",
        "POST /v1/completions",
        "POST /v1/embeddings",
    }


def _takeable(case):
    """A schema can't count the images of all messages together."""
    return str(case.body).count(PIXEL) <= MOST_IMAGES


def _fuzz(operation):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy().filter(_takeable))
    def run(case):
        case.call_and_validate(
            headers={"authorization": f"Bearer {KEY.get_secret_value()}"},
            excluded_checks=[ignored_auth, use_after_free, *_beyond_a_schema(case.body)],
            timeout=20,
        )

    run()


def _beyond_a_schema(body):
    return [positive_data_acceptance] if isinstance(body, dict) and LINKED & {*body} else []
