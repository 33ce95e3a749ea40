"""The form of an answer, tools and probabilities: the openai client against the whole program."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import jsonschema
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI

from tests.e2e.conftest import Light

pytestmark = [pytest.mark.model, pytest.mark.timeout(420)]

ASKED = [{"role": "user", "content": "How is the weather in Paris?"}]
CITY: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather.", "parameters": CITY},
}
TIME = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object"}}}
JSON = {"type": "json_schema", "json_schema": {"name": "place", "schema": CITY, "strict": True}}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def api(light: Light) -> AsyncIterator[AsyncOpenAI]:
    base_url = f"{light.outrider.url}/v1"
    async with AsyncOpenAI(base_url=base_url, api_key=light.outrider.key, max_retries=0) as client:
        yield client


async def ask(api: AsyncOpenAI, **fields: Any) -> Any:
    given = {"model": "outrider", "messages": ASKED, "temperature": 0, "max_tokens": 120} | fields
    return await api.chat.completions.create(**given)


async def choice(api: AsyncOpenAI, **fields: Any) -> Any:
    return (await ask(api, **fields)).choices[0]


async def test_an_answer_follows_a_json_schema(api: AsyncOpenAI) -> None:
    answer = await choice(api, response_format=JSON)
    jsonschema.validate(json.loads(answer.message.content), CITY)
    assert answer.finish_reason == "stop"
    pieces = [
        chunk.choices[0].delta.content or ""
        async for chunk in await ask(api, response_format=JSON, stream=True)
        if chunk.choices
    ]
    assert "".join(pieces) == answer.message.content


async def test_an_answer_is_a_json_object(api: AsyncOpenAI) -> None:
    answer = await choice(api, response_format={"type": "json_object"}, max_tokens=250)
    if answer.finish_reason == "stop":
        assert isinstance(json.loads(answer.message.content), dict)
    else:
        assert answer.message.content.startswith("{")


@pytest.mark.parametrize(
    ("wanted", "pattern"),
    [
        ({"choice": ["yes 🚀", "no 你好"]}, "yes 🚀|no 你好"),
        ({"regex": "[0-9]{4}-[0-9]{2}"}, r"\d{4}-\d\d"),
        ({"grammar": 'root ::= "yes" | "no"'}, "yes|no"),
    ],
)
async def test_an_answer_has_the_form_that_vllms_own_field_names(
    api: AsyncOpenAI, wanted: dict[str, Any], pattern: str
) -> None:
    answer = await choice(api, extra_body={"structured_outputs": wanted})
    assert re.fullmatch(pattern, answer.message.content)


@pytest.mark.parametrize(
    "wanted", ["required", {"type": "function", "function": {"name": "get_weather"}}]
)
async def test_a_call_comes_where_one_is_asked_for(api: AsyncOpenAI, wanted: Any) -> None:
    tools = {"tools": [WEATHER], "tool_choice": wanted, "parallel_tool_calls": False}
    answer = await choice(api, **tools)
    assert (answer.finish_reason, answer.message.content) == ("tool_calls", None)
    (call,) = answer.message.tool_calls
    assert call.function.name == "get_weather"
    jsonschema.validate(json.loads(call.function.arguments), CITY)


async def test_a_streamed_call_is_the_same(api: AsyncOpenAI) -> None:
    tools = {"tools": [WEATHER, TIME], "tool_choice": "required", "parallel_tool_calls": False}
    whole = await choice(api, **tools)
    arguments, names, reasons = "", [], []
    async for chunk in await ask(api, stream=True, **tools):
        for part in chunk.choices:
            reasons.append(part.finish_reason)
            for call in part.delta.tool_calls or ():
                names.append(call.function.name)
                arguments += call.function.arguments
    (call,) = whole.message.tool_calls
    assert (names, arguments) == ([call.function.name], call.function.arguments)
    assert [one for one in reasons if one] == ["tool_calls"]


async def test_where_calls_are_free_an_answer_or_a_right_call_comes(api: AsyncOpenAI) -> None:
    answer = await choice(api, tools=[WEATHER, TIME])
    assert answer.message.content or answer.message.tool_calls
    for call in answer.message.tool_calls or ():
        assert call.function.name in ("get_weather", "get_time")
        assert isinstance(json.loads(call.function.arguments), dict)


async def test_a_tools_result_goes_the_whole_round(api: AsyncOpenAI) -> None:
    tools = {"tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": False}
    called = (await choice(api, **tools)).message
    result = {
        "role": "tool",
        "tool_call_id": called.tool_calls[0].id,
        "content": "It is 7 degrees in Paris.",
    }
    messages = [*ASKED, called.model_dump(exclude_none=True), result]
    # So small a model would call again: it is asked for one of two answers.
    tools["tool_choice"] = "none"
    said = ["It is 30 degrees.", "It is 7 degrees."]
    answer = await choice(
        api, messages=messages, extra_body={"structured_outputs": {"choice": said}}, **tools
    )
    assert answer.message.content == said[1]


@pytest.mark.parametrize("stream", [False, True])
async def test_each_token_has_its_probability(api: AsyncOpenAI, stream: bool) -> None:
    fields = {"logprobs": True, "top_logprobs": 4, "max_tokens": 8}
    whole = await choice(api, **fields)
    tokens = whole.logprobs.content
    if stream:
        chunks = [one async for one in await ask(api, stream=True, **fields) if one.choices]
        given = [one.choices[0].logprobs for one in chunks]
        tokens = [token for logprobs in given if logprobs for token in logprobs.content]
    assert "".join(one.token for one in tokens) == whole.message.content
    assert len(tokens) == 8
    for one in tokens:
        assert len(one.top_logprobs) == 4
        # Two may be equally likely; greedy takes either.
        assert one.top_logprobs[0].logprob == one.logprob <= 0
        assert one.token in [likely.token for likely in one.top_logprobs]


async def test_a_stop_string_ends_the_answer_and_is_named(api: AsyncOpenAI) -> None:
    whole = (await choice(api, max_tokens=40)).message.content
    stop = whole.split()[5]
    answer = await choice(api, max_tokens=40, stop=[stop])
    assert answer.message.content == whole[: whole.index(stop)]
    assert (answer.finish_reason, answer.stop_reason) == ("stop", stop)


async def test_the_same_seed_says_the_same(api: AsyncOpenAI) -> None:
    fields = {"temperature": 1.2, "max_tokens": 24}
    first, second, other = [
        (await choice(api, seed=seed, **fields)).message.content for seed in (7, 7, 8)
    ]
    assert first == second
    assert first != other


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"frequency_penalty": 5}, "frequency_penalty"),
        ({"presence_penalty": -9}, "presence_penalty"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"logprobs": True, "top_logprobs": 50}, "top_logprobs"),
        ({"extra_body": {"top_k": -7}}, "top_k"),
        ({"extra_body": {"min_p": 2}}, "min_p"),
        ({"extra_body": {"repetition_penalty": 0}}, "repetition_penalty"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"response_format": JSON | {"json_schema": {"name": "x", "schema": {"maxLength": 9999}}}},
         "response_format"),
    ],
)  # fmt: skip
async def test_an_absurd_value_is_a_bad_request_that_names_it(
    api: AsyncOpenAI, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await ask(api, **fields)
    assert refused.value.param == param


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        {"extra_body": {"structured_outputs": {"regex": "(("}}},
        {"extra_body": {"structured_outputs": {"grammar": "root ::= nothing"}}},
        {"response_format": JSON | {"json_schema": {"name": "x", "schema": {"type": "odd"}}}},
    ],
)
async def test_a_grammar_that_does_not_compile_is_a_bad_request(
    api: AsyncOpenAI, fields: dict[str, Any], stream: bool
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await ask(api, stream=stream, **fields)
    assert refused.value.code == "bad_grammar"
    assert "can't be made into a grammar" in str(refused.value)
