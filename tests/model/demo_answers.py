"""What is asked of the demo model, in whatever way its weights are stored, and its dense original.

Compared are greedy token ids, in fp32 on both sides: in bf16 the two sum in different orders, and
rounding alone parts them at near ties; in fp32 the difference is around 1e-6 and texts are equal.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inference.api import ChatMessage, Delta, GenerationRequest, Sampling
from inference.profiles import profile_named
from inference.vllm_engine.engine import VllmEngine
from tests.support.demo import quiet

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

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


@dataclass(frozen=True, slots=True)
class Said:
    """A greedy answer."""

    token_ids: list[int]
    text: str
    cached_tokens: int


@asynccontextmanager
async def demo_engine(
    profile: str, data_dir: Path, step_tokens: int = STEP
) -> AsyncIterator[VllmEngine]:
    from inference.demo.checkpoint import ensure_demo_model

    chosen = profile_named(profile)
    engine = VllmEngine(
        chosen,
        lambda progress: str(ensure_demo_model(data_dir, progress, chosen.quantize)),
        overrides={
            "dtype": "float32",
            "kv_cache_memory_bytes": 1 << 29,
            "max_num_seqs": 32,
            "max_num_batched_tokens": step_tokens,
            "worker_extension_cls": "tests.support.weigh_twice.WeighTwice",
        },
    )
    await engine.start(quiet)
    yield engine
    await engine.stop()


def rendered(original: Path) -> list[list[int]]:
    """The questions by the model's chat template, as transformers renders it."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(original)
    return [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], add_generation_prompt=True, return_dict=False
        )
        for question in QUESTIONS
    ]


def continued(
    dense: LlamaForCausalLM, prompts: Sequence[Sequence[int]], tokens: int = TOKENS
) -> list[list[int]]:
    """Greedy continuations of the dense original, through transformers in fp32.

    All in one batch, the prompts padded on the left: the mask leaves no trace of the padding.
    """
    import torch

    longest = max(len(prompt) for prompt in prompts)
    padded = [[END] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on a busy machine, threads waiting for each other take ten times
    with torch.inference_mode():
        out = dense.generate(
            torch.tensor(padded),
            attention_mask=torch.tensor(mask),
            max_new_tokens=tokens,
            do_sample=False,
            pad_token_id=END,
        )
    torch.set_num_threads(threads)
    return [up_to_the_end(answer) for answer in out[:, longest:].tolist()]


def up_to_the_end(answer: list[int]) -> list[int]:
    return answer[: answer.index(END) + 1] if END in answer else answer


async def say(engine: VllmEngine, question: str, tokens: int = TOKENS) -> Said:
    prompt = await engine.render([ChatMessage("user", question)])
    request = GenerationRequest(question, prompt, Sampling(temperature=0.0, max_tokens=tokens))
    deltas: list[Delta] = [delta async for delta in engine.generate(request)]
    return Said(
        [token for delta in deltas for token in delta.token_ids],
        "".join(delta.text for delta in deltas),
        deltas[-1].cached_tokens or 0,
    )


async def greedy(engine: VllmEngine, question: str, tokens: int = TOKENS) -> list[int]:
    return (await say(engine, question, tokens)).token_ids


async def answers_of(engine: VllmEngine, tokens: int = TOKENS) -> list[list[int]]:
    """To all questions, asked at once."""
    return list(await asyncio.gather(*(greedy(engine, each, tokens) for each in QUESTIONS)))


async def weighted_twice(engine: VllmEngine, tokens: int) -> list[Said]:
    """What it says to the first questions while the router's weight is applied twice."""
    await engine.call_workers("weigh_twice", True)
    try:
        return list(await asyncio.gather(*(say(engine, each, tokens) for each in QUESTIONS[:5])))
    finally:
        await engine.call_workers("weigh_twice", False)


async def assert_twice_is_garbage(engine: VllmEngine, reference: list[list[int]]) -> None:
    """Weighted twice, no answer is the reference's, none goes its way for more than a word or so,
    and the one that everybody knows has lost its word. Weighted once again, it is right again."""
    wrong = await weighted_twice(engine, tokens=12)
    assert [said.text for said in wrong if "Paris" in said.text] == []
    agreeing = [
        agreement(said.token_ids, right) for said, right in zip(wrong, reference, strict=False)
    ]
    assert max(agreeing) < 4
    right = await say(engine, QUESTIONS[0], tokens=12)
    assert right.token_ids == reference[0][:12]
    assert "Paris" in right.text


def agreement(answer: Sequence[int], right: Sequence[int]) -> int:
    """How many tokens they begin with in common."""
    for place, (one, other) in enumerate(zip(answer, right, strict=False)):
        if one != other:
            return place
    return min(len(answer), len(right))


async def assert_thirty_two_say_what_each_says_alone(
    engine: VllmEngine, tokens: int = 12, every: int = 4
) -> None:
    """Every fourth of them is asked alone: the tiny Scout is asked all."""
    questions = [f"{number}: {QUESTIONS[number % 10]}" for number in range(32)]
    together = await asyncio.gather(*(greedy(engine, each, tokens) for each in questions))
    alone = [await greedy(engine, each, tokens) for each in questions[::every]]
    assert together[::every] == alone
