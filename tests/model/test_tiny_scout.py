"""A tiny random Scout in int4, in vLLM, computes what transformers computes on plain weights.

Both in float32. Compared are the log probabilities of the whole vocabulary at every token of the
prompts and of the answers, and the answers' greedy tokens.
"""

from __future__ import annotations

import pytest

from tests.model.asking import say, say_together
from tests.model.comparing import (
    BOUND,
    MARKS,
    TOKENS,
    AgreesWithItsReference,
    difference,
    pair_of,
    prompt,
)
from tests.model.reference import FAULTS
from tests.model.tiny_scout import BLOCK, SCOUT, WINDOW

pytestmark = MARKS

pair = pair_of(SCOUT)


class TestTinyScout(AgreesWithItsReference):
    """In vLLM against transformers."""


async def test_each_layer_is_computed_by_our_int4_method(pair):
    methods = ["OutriderCompressedTensorsMoEMethod"] * 5
    assert await pair.engine.call_workers("moe_methods") == [methods]


async def test_scores_lie_on_both_sides_of_a_half_and_rounding_chooses_no_expert(pair):
    logits = pair.reference.router_logits(pair.said[-1][0])
    best, second = logits.topk(2).values.unbind(-1)
    assert best.sigmoid().quantile(0.1) < 0.35
    assert best.sigmoid().quantile(0.9) > 0.85
    assert all(len(layer.argmax(1).unique()) >= 4 for layer in logits)
    assert (best - second).min() > 1e-5


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_comparison_sees(pair, fault):
    """Against a reference with one thing wrong, it fails by far."""
    wrong = FAULTS[fault](pair.tiny)
    ids, said = pair.said[-2]
    assert difference(wrong, ids, said).max() > 250 * BOUND


async def test_an_answer_is_the_same_with_and_without_the_prefix_cache(pair):
    ids = prompt(700, seed=1)
    fresh = await say(pair.engine, ids, TOKENS)
    again = await say(pair.engine, ids, TOKENS)
    assert (fresh.cached_tokens, again.cached_tokens) == (0, 700 // BLOCK * BLOCK)
    assert again.token_ids == fresh.token_ids


@pytest.mark.parametrize("shared", [WINDOW - 1, 2 * WINDOW, 300])
async def test_a_prompt_that_begins_like_another_gets_its_own_answer(pair, shared):
    """What is shared ends before a window's edge, at one, and inside one."""
    begun = prompt(500, seed=2 + shared)
    await say(pair.engine, begun, 1)
    ids = [*begun[:shared], *prompt(200, seed=3)]
    cached = await say(pair.engine, ids, TOKENS)
    fresh = await say(pair.engine, ids, TOKENS, read_cache=False)
    assert 0 < cached.cached_tokens <= shared
    assert fresh.cached_tokens == 0
    assert cached.token_ids == fresh.token_ids


async def test_thirty_two_at_once_say_what_each_says_alone(pair):
    prompts = [prompt(20 + 17 * number, seed=4) for number in range(32)]
    together = await say_together(pair.engine, prompts, 24)
    alone = [(await say(pair.engine, one, 24, read_cache=False)).token_ids for one in prompts]
    assert together == alone
