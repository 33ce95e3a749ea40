"""Values on the edge of what JSON can say, as raw bodies over real HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from inference.api import OutputFormat, Sampling
from tests.contract.test_api import HI, api, forever
from tests.support.chat_app import KEY
from tests.support.memory_assistant import MemoryAssistant

PATHS = ("chat/completions", "completions")
HEADERS = {"authorization": f"Bearer {KEY.get_secret_value()}"}
Post = Callable[[str], Awaitable[httpx.Response]]
NUMBERS = (
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "min_p",
    "top_k",
    "seed",
    "max_tokens",
    "deadline_seconds",
)


@asynccontextmanager
async def posting(path: str, **options: Any) -> AsyncIterator[tuple[Post, MemoryAssistant]]:
    """What is posted is raw JSON of fields, beside those that the address needs."""
    asked = f'"messages": {json.dumps(HI)}' if path.startswith("chat") else '"prompt": "hi"'
    async with (
        api(**options) as (assistant, client),
        httpx.AsyncClient(base_url=str(client.base_url), headers=HEADERS) as http,
    ):
        yield lambda more: http.post(path, content=f"{{{asked}, {more}}}"), assistant


def refusal(response: httpx.Response) -> Mapping[str, Any]:
    assert response.status_code == 400, response.text
    error: Mapping[str, Any] = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"].endswith(".")
    return error


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e308", "1e999"])
async def test_a_number_that_none_can_use_is_refused(path: str, value: str) -> None:
    async with posting(path) as (post, assistant):
        for field in NUMBERS:
            assert refusal(await post(f'"{field}": {value}'))["param"] == field
        assert assistant.states() == []


@pytest.mark.parametrize("path", PATHS)
async def test_of_a_field_that_comes_twice_the_last_one_counts(path: str) -> None:
    async with posting(path, script=forever) as (post, _):
        answered = await post('"max_tokens": 5, "max_tokens": 2')
        assert answered.json()["usage"]["completion_tokens"] == 2
        assert refusal(await post('"max_tokens": 2, "max_tokens": 0'))["param"] == "max_tokens"
        assert (await post('"max_tokens": 0, "max_tokens": 2')).status_code == 200


@pytest.mark.parametrize("path", PATHS)
async def test_a_bias_for_tokens_is_refused_and_an_empty_one_is_none(path: str) -> None:
    async with posting(path) as (post, assistant):
        for bias in ('{"9999999": 1e308}', '{"1": -100}', '{"1": NaN}', '{"x": "y"}', "[1]", "1"):
            error = refusal(await post(f'"logit_bias": {bias}'))
            assert (error["param"], "leave it out" in error["message"]) == ("logit_bias", True)
        assert assistant.states() == []
        for bias in ("{}", "null"):
            assert (await post(f'"logit_bias": {bias}')).status_code == 200


async def test_functions_and_what_is_no_text_are_refused_and_nothing_of_them_is_none() -> None:
    async with posting("chat/completions") as (post, assistant):
        for field, value, instead in (
            ("functions", '[{"name": "weather", "parameters": {}}]', "send them as tools"),
            ("functions", "{}", "send them as tools"),
            ("function_call", '"auto"', "send it as tool_choice"),
            ("function_call", '{"name": "weather"}', "send it as tool_choice"),
            ("modalities", '["text", "audio"]', "leave it out"),
            ("modalities", '["audio"]', "leave it out"),
        ):
            error = refusal(await post(f'"{field}": {value}'))
            assert (error["param"], instead in error["message"]) == (field, True)
        assert assistant.states() == []
        for taken in (
            '"functions": [], "function_call": "none", "modalities": ["text"]',
            '"functions": null, "function_call": null, "modalities": null',
        ):
            assert (await post(taken)).status_code == 200


@pytest.mark.parametrize("path", PATHS)
async def test_every_sampling_field_arrives(path: str) -> None:
    given = {
        "frequency_penalty": 0.5,
        "presence_penalty": -0.5,
        "repetition_penalty": 1.5,
        "top_k": 7,
        "min_p": 0.25,
        "max_tokens": 3,
    }
    form = '"structured_outputs": {"choice": ["yes", "no"]}'
    async with posting(path) as (post, assistant):
        answered = await post(f"{json.dumps(given)[1:-1]}, {form}")
    assert answered.status_code == 200
    (sampling,) = assistant.asked
    assert sampling == Sampling(**given, format=OutputFormat("choice", "", ("yes", "no")))


@pytest.mark.parametrize("path", PATHS)
async def test_two_forms_at_once_are_refused(path: str) -> None:
    both = '"response_format": {"type": "json_object"}, "structured_outputs": {"regex": "a"}'
    async with posting(path) as (post, _):
        assert refusal(await post(both))["param"] == "structured_outputs"
