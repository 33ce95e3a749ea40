"""Asking an engine for tokens and for what it thought likely, past text and templates."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from inference.profiles import profile_named
from inference.vllm_engine.engine import VllmEngine
from tests.model.tiny_scout import BLOCK, LONGEST, VOCABULARY
from tests.support.demo import quiet

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Said:
    """`logprobs`: (N + M - 1, V) for a prompt of N tokens and an answer of M, from the prompt's
    second token on: what was expected before each token came.
    """

    token_ids: list[int]
    cached_tokens: int
    logprobs: torch.Tensor | None = None


async def say(
    engine: VllmEngine,
    prompt: Sequence[int],
    tokens: int,
    *,
    logprobs: bool = False,
    read_cache: bool = True,
) -> Said:
    """The greedy continuation, to the last token, whatever the end token says."""
    from vllm import SamplingParams
    from vllm.inputs import tokens_input
    from vllm.sampling_params import RequestOutputKind

    parameters = SamplingParams(
        temperature=0.0,
        max_tokens=tokens,
        ignore_eos=True,
        detokenize=False,
        logprobs=-1 if logprobs else None,
        prompt_logprobs=-1 if logprobs else None,
        flat_logprobs=True,
        skip_reading_prefix_cache=logprobs or not read_cache,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )
    name = f"say-{next(_numbers)}"
    stream = engine._llm.generate(tokens_input(list(prompt)), parameters, name)
    (output,) = [one async for one in stream]
    completion = output.outputs[0]
    expected = None
    if logprobs:
        expected = torch.cat([_dense(output.prompt_logprobs), _dense(completion.logprobs)])
    return Said(list(completion.token_ids), output.num_cached_tokens, expected)


async def say_together(engine: VllmEngine, prompts: Sequence[Sequence[int]], tokens: int) -> Any:
    """The answers' ids, all asked for at once, none from the cache."""
    saying = (say(engine, prompt, tokens, read_cache=False) for prompt in prompts)
    return [said.token_ids for said in await asyncio.gather(*saying)]


def _dense(flat: Any) -> torch.Tensor:
    """vLLM's flat lists as (positions, V); a prompt's first position has nothing, and no row."""
    spans = zip(flat.start_indices, flat.end_indices, strict=True)
    rows = [span for span in spans if span[1] > span[0]]
    out = torch.full((len(rows), VOCABULARY), float("nan"))
    for row, (start, end) in enumerate(rows):
        out[row, flat.token_ids[start:end]] = torch.tensor(flat.logprobs[start:end])
    return out


@asynccontextmanager
async def tiny_engine(folder: Path, **overrides: Any) -> AsyncIterator[VllmEngine]:
    """An engine on a tiny checkpoint, in float32 if nothing else is said."""
    settings = {
        "dtype": "float32",
        "max_model_len": LONGEST,
        "max_num_seqs": 32,
        "max_num_batched_tokens": 32 * LONGEST,
        "block_size": BLOCK,
        "kv_cache_memory_bytes": 1 << 28,
        "max_logprobs": -1,
        "worker_extension_cls": "tests.support.weigh_twice.WeighTwice",
    }
    profile = replace(profile_named("demo"), attn_temperature_tuning=True)
    engine = VllmEngine(profile, lambda progress: str(folder), overrides=settings | overrides)
    await engine.start(quiet)
    try:
        yield engine
    finally:
        await engine.stop()
