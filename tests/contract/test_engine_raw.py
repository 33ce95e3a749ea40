"""Raw prompts: a text that an engine goes on from, without a chat template."""

from __future__ import annotations

import pytest

from inference.api import ChatMessage, Delta, Engine, GenerationRequest, Sampling
from inference.errors import PromptTooLong
from tests.contract.test_engine import (
    WITH_TOKEN_IDS,
    engine,
    ids_of,
    server,
    text_of,
)
from tests.fakes.openai_server import OpenAiServer
from tests.support.demo import words

__all__ = ["engine", "server"]
pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

PROMPT = "The capital of France is"


async def go_on(engine: Engine, text: str, prefix: tuple[int, ...] = ()) -> list[Delta]:
    prompt = await engine.render([ChatMessage("raw", text)], Sampling(max_tokens=12))
    sampling = Sampling(temperature=0.0, max_tokens=12)
    request = GenerationRequest("raw", prompt, sampling, prefix_token_ids=prefix)
    return [delta async for delta in engine.generate(request)]


async def test_a_raw_prompt_is_gone_on_from_and_counted(engine: Engine) -> None:
    last = (await go_on(engine, PROMPT))[-1]
    assert (last.finish_reason, last.output_tokens) == ("length", 12)
    assert last.prompt_tokens == 5


@pytest.mark.parametrize("engine", ["remote"], indirect=True)
async def test_an_endpoint_gets_the_prompt_as_it_is(engine: Engine, server: OpenAiServer) -> None:
    await go_on(engine, PROMPT)
    assert server.requests[-1]["prompt"] == PROMPT
    assert "messages" not in server.requests[-1]


async def test_a_raw_prompt_that_is_too_long_is_refused_with_its_numbers(engine: Engine) -> None:
    with pytest.raises(PromptTooLong):
        await engine.render([ChatMessage("raw", words(engine.info.max_model_len * 2))])


@pytest.mark.parametrize("engine", WITH_TOKEN_IDS, indirect=True)
async def test_an_interrupted_one_goes_on_as_if_it_had_not_been(engine: Engine) -> None:
    whole = await go_on(engine, PROMPT)
    first, *rest = await go_on(engine, PROMPT, ids_of(whole)[:5])
    assert first.resumed is not None
    assert first.resumed.text + text_of(rest) == text_of(whole)


@pytest.mark.parametrize("engine", [pytest.param("demo", marks=pytest.mark.model)], indirect=True)
async def test_nothing_is_added_to_a_raw_prompt_and_control_tokens_are_such(engine) -> None:
    """So the demo model, given its own chat's form by hand, answers as in a chat."""
    prompt = await engine.render([ChatMessage("raw", PROMPT)])
    assert engine._loaded.tokenizer.decode(list(prompt.token_ids)) == PROMPT
    asked = [ChatMessage("system", "Be kind."), ChatMessage("user", "What is red?")]
    chat = await engine.render(asked)
    by_hand = engine._loaded.tokenizer.decode(list(chat.token_ids))
    raw = await engine.render([ChatMessage("raw", by_hand)])
    assert raw.token_ids == chat.token_ids
    assert "Paris" in text_of(await go_on(engine, PROMPT))
