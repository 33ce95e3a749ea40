"""The demo model, a Llama 4 mixture of experts in vLLM, says what its dense original says.

Compared are the greedy token ids of ten prompts, 64 tokens each (or up to the end token): the
recast checkpoint through vLLM's `Llama4ForCausalLM`, our plugin and our kernel, against the dense
SmolLM2-135M-Instruct through transformers' `LlamaForCausalLM`.

They must be equal because the two are the same function: attention is unchanged (Llama 4's
interleaved rotary pairs against Llama's halves), half of each MLP is the shared expert, and every
routed expert is a permutation of the other half, whose input Llama 4 multiplies by
sigmoid(logit), exactly 0.5 here, against gate and up rows that are doubled.

Both run in fp32 on the same bf16 weights. In bf16 the two sum in different orders, and rounding
alone parts them at near ties; in fp32 the difference is around 1e-6 and the texts are equal.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from inference.api import ChatMessage, Delta, GenerationRequest, Sampling
from inference.errors import EngineUnavailable
from inference.profiles import profile_named
from tests.support.demo import quiet, words

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(400),
    pytest.mark.asyncio(loop_scope="module"),
]

TOKENS = 64
END = 2  # the end token's id
STEP = 128  # tokens that are read at a time: a longer prompt takes several
QUESTIONS = [
    "What is the capital of France?",
    "Explain why the sky is blue.",
    "Write a short poem about the sea.",
    "List five kinds of fruit.",
    "What is 12 times 12?",
    "How do I boil an egg?",
    "Translate 'good morning' into Spanish.",
    "Write a Python function that adds two numbers.",
    "Who wrote Romeo and Juliet?",
    "Tell me a story about a dog called Max.",
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(demo_data_dir: Path) -> AsyncIterator[object]:
    from inference.demo.checkpoint import ensure_demo_model
    from inference.vllm_engine import VllmEngine

    engine = VllmEngine(
        profile_named("demo"),
        lambda progress: str(ensure_demo_model(demo_data_dir, progress)),
        overrides={
            "dtype": "float32",
            "kv_cache_memory_bytes": 1 << 29,
            "max_num_seqs": 32,
            "max_num_batched_tokens": STEP,
            "worker_extension_cls": "tests.support.weigh_twice.WeighTwice",
        },
    )
    await engine.start(quiet)
    yield engine
    await engine.stop()


@pytest.fixture(scope="module")
def prompts(dense_original: Path) -> list[list[int]]:
    """The questions by the model's chat template, as transformers renders it."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(dense_original)
    return [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], add_generation_prompt=True, return_dict=False
        )
        for question in QUESTIONS
    ]


@pytest.fixture(scope="module")
def dense(dense_original: Path) -> LlamaForCausalLM:
    import torch
    from transformers import LlamaForCausalLM

    return LlamaForCausalLM.from_pretrained(dense_original, dtype=torch.float32)


@pytest.fixture(scope="module")
def reference(dense: LlamaForCausalLM, prompts: list[list[int]]) -> list[list[int]]:
    return continued(dense, prompts)


def continued(dense: LlamaForCausalLM, prompts: list[list[int]]) -> list[list[int]]:
    """Greedy continuations of the dense original, through transformers in fp32.

    All in one batch, the prompts padded on the left: the mask leaves no trace of the padding.
    """
    import torch

    longest = max(len(prompt) for prompt in prompts)
    padded = [[END] * (longest - len(prompt)) + prompt for prompt in prompts]
    mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on a busy machine, threads waiting for each other take ten times
    with torch.inference_mode():
        out = dense.generate(
            torch.tensor(padded),
            attention_mask=torch.tensor(mask),
            max_new_tokens=TOKENS,
            do_sample=False,
            pad_token_id=END,
        )
    torch.set_num_threads(threads)
    return [up_to_the_end(answer) for answer in out[:, longest:].tolist()]


def up_to_the_end(answer: list[int]) -> list[int]:
    return answer[: answer.index(END) + 1] if END in answer else answer


async def deltas(engine, question: str, tokens: int = TOKENS) -> list[Delta]:
    prompt = await engine.render([ChatMessage("user", question)])
    request = GenerationRequest(question, prompt, Sampling(temperature=0.0, max_tokens=tokens))
    return [delta async for delta in engine.generate(request)]


async def greedy(engine, question: str, tokens: int = TOKENS) -> list[int]:
    """The answer's ids."""
    said = await deltas(engine, question, tokens)
    return [token for delta in said for token in delta.token_ids]


async def answers_of(engine, tokens: int = TOKENS) -> list[list[int]]:
    return list(await asyncio.gather(*(greedy(engine, each, tokens) for each in QUESTIONS)))


async def test_the_prompt_is_rendered_by_the_models_own_template(engine, prompts):
    rendered = await engine.render([ChatMessage("user", QUESTIONS[0])])
    assert list(rendered.token_ids) == prompts[0]


async def test_each_layer_is_computed_by_our_method(engine):
    assert await engine.call_workers("moe_methods") == [["OutriderMoEMethod"] * 30]


async def test_tokens_spread_over_the_experts(engine):
    ((*counts,),) = await engine.call_workers("experts_in_use", list(range(100, 1100)))
    assert len(counts) == 30
    assert min(counts) >= 8


async def test_greedy_answers_equal_the_dense_originals_token_for_token(engine, reference):
    assert await answers_of(engine) == reference
    assert sum(len(answer) for answer in reference) > 300  # long enough to mean something


async def test_with_the_routers_weight_applied_twice_the_comparison_fails(engine, reference):
    await engine.call_workers("weigh_twice", True)
    try:
        wrong = await answers_of(engine, tokens=16)
    finally:
        await engine.call_workers("weigh_twice", False)
    differing = [
        question
        for question, answer, right in zip(QUESTIONS, wrong, reference, strict=True)
        if answer != right[:16]
    ]
    assert differing == QUESTIONS
    assert await greedy(engine, QUESTIONS[0]) == reference[0]


async def test_a_long_prompt_read_in_steps_and_then_from_the_cache_is_answered_as_by_the_original(
    engine, dense
):
    question = f"{words(150)}\nWhat is the capital of France?"
    ids = (await engine.render([ChatMessage("user", question)])).token_ids
    assert len(ids) > 3 * STEP
    (right,) = continued(dense, [list(ids)])
    first = await deltas(engine, question)
    again = await deltas(engine, question)
    assert (first[-1].cached_tokens, again[-1].cached_tokens) == (0, (len(ids) - 1) // 128 * 128)
    for said in (first, again):
        assert [token for delta in said for token in delta.token_ids] == right


async def test_thirty_two_at_once_say_what_each_says_alone(engine):
    """Every fourth of them is asked alone: the tiny Scout is asked all."""
    questions = [f"{number}: {QUESTIONS[number % 10]}" for number in range(32)]
    together = await asyncio.gather(*(greedy(engine, each, tokens=12) for each in questions))
    alone = [await greedy(engine, each, tokens=12) for each in questions[::4]]
    assert together[::4] == alone


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
