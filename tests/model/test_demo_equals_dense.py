"""The demo model, a Llama 4 mixture of experts in vLLM, says what its dense original says.

Compared are the greedy token ids of ten prompts, 64 tokens each (or up to the end token): the
recast checkpoint through vLLM's `Llama4ForCausalLM`, our plugin and our kernel, against the dense
SmolLM2-135M-Instruct through transformers' `LlamaForCausalLM`.

They must be equal because the two are the same function: attention is unchanged (Llama 4's
interleaved rotary pairs against Llama's halves), half of each MLP is the shared expert, and every
routed expert is a permutation of the other half, whose input Llama 4 multiplies by
sigmoid(logit), exactly 0.5 here, against gate and up rows that are doubled.

Both run in fp32 on the same bf16 weights (`demo_answers.py`).
"""

from __future__ import annotations

import asyncio
import copy
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from inference.api import ChatMessage, GenerationRequest, Sampling
from inference.errors import EngineUnavailable
from inference.vllm_engine.engine import VllmEngine
from tests.model.demo_answers import (
    QUESTIONS,
    STEP,
    answers_of,
    assert_thirty_two_say_what_each_says_alone,
    assert_twice_is_garbage,
    continued,
    demo_engine,
    rendered,
    say,
)
from tests.support.demo import words

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(400),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(demo_data_dir: Path) -> AsyncIterator[VllmEngine]:
    async with demo_engine("demo", demo_data_dir) as started:
        yield started


@pytest.fixture(scope="module")
def prompts(dense_original: Path) -> list[list[int]]:
    return rendered(dense_original)


@pytest.fixture(scope="module")
def dense(dense_original: Path) -> LlamaForCausalLM:
    import torch
    from transformers import LlamaForCausalLM

    return LlamaForCausalLM.from_pretrained(dense_original, dtype=torch.float32)


@pytest.fixture(scope="module")
def reference(dense: LlamaForCausalLM, prompts: list[list[int]]) -> list[list[int]]:
    return continued(dense, prompts)


async def test_the_prompt_is_rendered_by_the_models_own_template(engine, prompts):
    prompt = await engine.render([ChatMessage("user", QUESTIONS[0])])
    assert list(prompt.token_ids) == prompts[0]


async def test_prompts_that_come_at_once_share_one_tokenizer(engine, monkeypatch):
    copied, deepcopy = [], copy.deepcopy

    def counted(original, *more):
        copied.append(type(original).__name__)
        return deepcopy(original, *more)

    monkeypatch.setattr("vllm.tokenizers.hf.copy.deepcopy", counted)
    asked = [[ChatMessage("user", f"{number}: {QUESTIONS[0]}")] for number in range(16)]
    rendered = await asyncio.gather(*map(engine.render, asked))
    assert len({prompt.token_ids for prompt in rendered}) == 16
    assert copied == []


async def test_each_layer_is_computed_by_our_method(engine):
    assert await engine.call_workers("moe_methods") == [["OutriderMoEMethod"] * 30]


async def test_tokens_spread_over_the_experts(engine):
    ((*counts,),) = await engine.call_workers("experts_in_use", list(range(100, 1100)))
    assert len(counts) == 30
    assert min(counts) >= 8


async def test_greedy_answers_equal_the_dense_originals_token_for_token(engine, reference):
    assert await answers_of(engine) == reference
    assert sum(len(answer) for answer in reference) > 300  # long enough to mean something


async def test_with_the_routers_weight_applied_twice_the_answers_are_garbage(engine, reference):
    await assert_twice_is_garbage(engine, reference)


async def test_a_long_prompt_read_in_steps_and_then_from_the_cache_is_answered_as_by_the_original(
    engine, dense
):
    question = f"{words(150)}\nWhat is the capital of France?"
    ids = (await engine.render([ChatMessage("user", question)])).token_ids
    assert len(ids) > 3 * STEP
    (right,) = continued(dense, [list(ids)])
    first = await say(engine, question)
    again = await say(engine, question)
    assert (first.cached_tokens, again.cached_tokens) == (0, (len(ids) - 1) // 128 * 128)
    for said in (first, again):
        assert said.token_ids == right


async def test_thirty_two_at_once_say_what_each_says_alone(engine):
    await assert_thirty_two_say_what_each_says_alone(engine)


async def test_a_killed_core_is_reported_and_leaves_no_process(engine):
    """The last test of this engine, which can't recover."""
    processes = set(engine._processes)
    prompt = await engine.render([ChatMessage("user", "Tell me a very long story.")])
    stream = engine.generate(GenerationRequest("doomed", prompt, Sampling(max_tokens=2000)))
    await anext(stream)
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(EngineUnavailable):
        async for _ in stream:
            pass
    assert (await engine.health()).state == "dead"
    await engine.stop()
    assert not [process for process in processes if process.is_running()]
