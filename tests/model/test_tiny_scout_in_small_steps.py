"""The tiny Scout, its prompts read in steps that fit neither the cache's blocks nor the window.

Without the hybrid cache and without a prefix cache: the other way through all three.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.model.comparing import (
    BOUND,
    Pair,
    assert_greedy_answers_are_the_references,
    compared,
    largest_difference,
)
from tests.model.tiny_scout import BLOCK, SCOUT, WINDOW

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]

STEP = 40


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    settings = {
        "max_num_batched_tokens": STEP,
        "enable_chunked_prefill": True,
        "enable_prefix_caching": False,
        "disable_hybrid_kv_cache_manager": True,
    }
    async with compared(SCOUT, tmp_path_factory.mktemp("steps"), **settings) as both:
        yield both


async def test_prompts_are_read_in_steps_that_fit_nothing(pair):
    scheduler = pair.engine._llm.vllm_config.scheduler_config
    assert scheduler.max_num_batched_tokens == STEP
    assert BLOCK % STEP and WINDOW % STEP and STEP % BLOCK
    assert max(len(ids) for ids, _ in pair.said) > 10 * STEP


async def test_log_probabilities_equal_the_references_at_every_token(pair):
    assert largest_difference(pair) < BOUND


async def test_greedy_tokens_equal_the_references(pair):
    assert_greedy_answers_are_the_references(pair)
