"""`/v1/completions` over real HTTP, with the client that people use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import httpx
import openai
import pytest

from inference.api import ChatMessage
from tests.contract.test_api import api, failing, forever
from tests.support.chat_app import KEY
from tests.support.memory_assistant import words


def upper(messages: Sequence[ChatMessage]) -> Iterator[str]:
    """Goes on from a prompt as it is, and shows what role it came in."""
    yield from words(f" {messages[0].role} {messages[0].content.upper()}")


async def test_a_text_is_gone_on_from_as_it_is_and_sixteen_tokens_are_the_default() -> None:
    async with api(script=upper) as (_, client):
        done = await client.completions.create(model="any", prompt="once upon")
        (choice,) = done.choices
        assert (choice.text, choice.finish_reason, choice.index) == (" raw ONCE UPON", "stop", 0)
        assert done.object == "text_completion"
        assert (done.usage.prompt_tokens, done.usage.completion_tokens) == (2, 3)
    async with api(script=forever) as (_, client):
        done = await client.completions.create(model="any", prompt="x")
        assert done.usage.completion_tokens == 16
        assert done.choices[0].finish_reason == "length"


async def test_echo_repeats_the_prompt() -> None:
    async with api(script=upper) as (_, client):
        done = await client.completions.create(model="any", prompt="once", echo=True)
        assert done.choices[0].text == "once raw ONCE"
        stream = await client.completions.create(model="any", prompt="once", echo=True, stream=True)
        assert "".join([c.choices[0].text async for c in stream]) == "once raw ONCE"


async def test_several_prompts_get_a_choice_each_in_their_order() -> None:
    async with api(script=upper, pace_seconds=0.005) as (_, client):
        prompts = ["a b c d e f", "g", "h i"]
        done = await client.completions.create(model="any", prompt=prompts)
        assert [c.text for c in done.choices] == [" raw A B C D E F", " raw G", " raw H I"]
        assert [c.index for c in done.choices] == [0, 1, 2]
        assert (done.usage.prompt_tokens, done.usage.completion_tokens) == (9, 12)


async def test_a_stream_of_several_prompts_says_whose_each_piece_is() -> None:
    async with api(script=upper, pace_seconds=0.005) as (_, client):
        stream = await client.completions.create(
            model="any", prompt=["a b", "c"], stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    texts, ends = ["", ""], {}
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] += choice.text
            if choice.finish_reason:
                ends[choice.index] = choice.finish_reason
    assert texts == [" raw A B", " raw C"]
    assert ends == {0: "stop", 1: "stop"}
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 3 + 5


@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_that_is_too_long_is_refused_and_ends_the_others(stream: bool) -> None:
    def one_fails(messages: Sequence[ChatMessage]) -> Iterator[str]:
        yield from (failing("prompt_too_long") if messages[0].content == "b" else forever)(messages)

    async with api(script=one_fails, pace_seconds=0.005) as (assistant, client):
        with pytest.raises(openai.APIError) as refused:
            got = await client.completions.create(
                model="any", prompt=["b", "a"], stream=stream, max_tokens=1_000_000
            )
            if stream:
                async for _ in got:
                    pass
        assert refused.value.code == "context_length_exceeded"
        assert refused.value.param == "prompt"
        async with asyncio.timeout(10):
            await assistant.reached("failed", "stopped")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_hangs_up_stops_every_turn(stream: bool) -> None:
    async with api(script=forever, pace_seconds=0.005) as (assistant, client):
        body = {"prompt": ["a", "b"], "stream": stream, "max_tokens": 1_000_000}
        headers = {"authorization": f"Bearer {KEY.get_secret_value()}"}
        async with httpx.AsyncClient(base_url=str(client.base_url), headers=headers) as http:
            asking = asyncio.create_task(http.post("completions", json=body))
            await assistant.reached("running", "running")
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        async with asyncio.timeout(10):
            await assistant.reached("stopped", "stopped")


@pytest.mark.parametrize(
    ("given", "param", "said"),
    [
        ({"prompt": [1, 2, 3]}, "prompt", "Send it as text"),
        ({"prompt": [[1], [2]]}, "prompt", "Send it as text"),
        ({"prompt": ""}, "prompt", "at least 1"),
        ({"prompt": []}, "prompt", "at least 1"),
        ({"prompt": ["x"] * 65}, "prompt", "at most 64"),
        ({"prompt": "x", "suffix": "y"}, "suffix", "can't be taken into account"),
        ({"prompt": "x", "logprobs": 1}, "logprobs", "are not given here"),
        ({"prompt": "x", "n": 2}, "n", "1"),
        ({"prompt": "x", "best_of": 3}, "best_of", "1"),
        ({"prompt": "x", "temperature": -1}, "temperature", "greater than or equal to 0"),
        ({"prompt": "x", "max_tokens": 0}, "max_tokens", "greater than or equal to 1"),
    ],
)
async def test_what_is_not_supported_is_said_in_a_sentence(given, param, said) -> None:
    async with api() as (assistant, client):
        with pytest.raises(openai.BadRequestError) as refused:
            await client.completions.create(**({"model": "any"} | given))
        assert refused.value.param == param
        assert said in str(refused.value)
        assert assistant.states() == []
