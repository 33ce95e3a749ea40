"""Our Triton kernels inside vLLM, without a GPU: by Triton's interpreter in the worker.

A tiny Scout in int4, repacked into tiles after vLLM loaded it, computes what transformers computes
on plain weights. The interpreter takes about a hundred times as long, so little is asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.model.asking import say, tiny_engine
from tests.model.comparing import BOUND, Pair, difference, likeliest, prompt
from tests.model.reference import FAULTS, right
from tests.model.tiny_scout import LAYERS, SCOUT, build

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(400),
    pytest.mark.asyncio(loop_scope="module"),
]

LENGTHS = [5, 24]
TOKENS = 4
SMALL = {"max_num_seqs": 4, "max_num_batched_tokens": 24}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    tiny = build(SCOUT, tmp_path_factory.mktemp("kernels") / SCOUT.name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        async with tiny_engine(tiny.folder, **SMALL) as engine:
            prompts = [prompt(length) for length in LENGTHS]
            said = [(ids, await say(engine, ids, TOKENS, logprobs=True)) for ids in prompts]
            yield Pair(tiny, engine, right(tiny), said)


async def test_each_layer_runs_our_kernels_and_says_so(pair):
    said = pair.engine.info.experts
    assert said.startswith(f"{LAYERS} of {LAYERS} expert layers run Outrider's kernels; repacked")


async def test_each_layer_is_counted_once_a_step_on_the_device(pair):
    ((*before,),) = await pair.engine.call_workers("outrider_experts")
    await say(pair.engine, prompt(6), 3, read_cache=False)
    ((*after,),) = await pair.engine.call_workers("outrider_experts")
    steps = {now["calls"] - then["calls"] for then, now in zip(before, after, strict=True)}
    assert steps == {3}  # the prompt, then two tokens more


async def test_log_probabilities_equal_the_references_at_every_token(pair):
    assert max(float(difference(pair.reference, *one).max()) for one in pair.said) < BOUND


async def test_greedy_tokens_equal_the_references(pair):
    for ids, said in pair.said:
        assert said.token_ids == likeliest(pair.reference, ids, said.token_ids)


@pytest.mark.parametrize(
    "fault", ["the router's weight applied twice", "gate and up swapped", "scale groups shifted"]
)
async def test_the_comparison_sees(pair, fault):
    wrong = FAULTS[fault](pair.tiny)
    ids, said = pair.said[-1]
    assert difference(wrong, ids, said).max() > 250 * BOUND
