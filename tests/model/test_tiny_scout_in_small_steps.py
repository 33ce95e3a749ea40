"""The tiny Scout, its prompts read in steps that fit neither the cache's blocks nor the window.

Without the hybrid cache and without a prefix cache: the other way through all three.
"""

from __future__ import annotations

from tests.model.comparing import MARKS, AgreesWithItsReference, pair_of
from tests.model.tiny_scout import BLOCK, SCOUT, WINDOW

pytestmark = MARKS

STEP = 40

pair = pair_of(
    SCOUT,
    max_num_batched_tokens=STEP,
    enable_chunked_prefill=True,
    enable_prefix_caching=False,
    disable_hybrid_kv_cache_manager=True,
)


class TestTinyScoutInSmallSteps(AgreesWithItsReference):
    """In vLLM against transformers."""


async def test_prompts_are_read_in_steps_that_fit_nothing(pair):
    scheduler = pair.engine._llm.vllm_config.scheduler_config
    assert scheduler.max_num_batched_tokens == STEP
    assert BLOCK % STEP and WINDOW % STEP and STEP % BLOCK
    assert max(len(ids) for ids, _ in pair.said) > 10 * STEP
