from __future__ import annotations

import pytest

from inference.plan.roofline import distinct_experts
from inference.plan.weights import Parallel
from tests.support.planned import plan


def test_one_token_reads_one_expert_and_many_read_all():
    assert distinct_experts(16, 1, 1) == pytest.approx(1.0)
    assert distinct_experts(16, 1, 16) == pytest.approx(16 * (1 - (15 / 16) ** 16))
    assert distinct_experts(16, 1, 10_000) == pytest.approx(16.0)
    assert distinct_experts(8, 8, 1) == 8


def test_a_longer_conversation_is_slower_by_what_its_cache_takes_to_read():
    found = plan("w4a16")
    short, long = found.short_steps[0], found.long_steps[0]
    assert long.cache_bytes == 2 * 8 * 128 * (12 * 131_072 + 36 * 8192)
    assert short.cache_bytes == 0
    seconds = 1 / long.tokens_per_second - 1 / short.tokens_per_second
    assert seconds == pytest.approx(long.cache_bytes / 3.35e12)


def test_local_layers_read_their_window_alone_also_from_a_full_cache():
    hybrid, full = (plan("w4a16", hybrid=one).long_steps[0] for one in (True, False))
    assert hybrid.cache_bytes == full.cache_bytes


def test_without_a_bandwidth_there_is_no_bound():
    assert plan("w4a16", card="80GB").short_steps[0].tokens_per_second is None


def test_with_whole_experts_on_each_card_the_busiest_reads_one_even_for_one_token():
    dealt, cut = (
        plan("fp8", model="maverick", parallel=Parallel(8, expert=one)).short_steps[0]
        for one in (True, False)
    )
    expert = 3 * 5120 * 8192 * 24  # of 24 layers, in FP8
    assert dealt.weight_bytes - cut.weight_bytes == pytest.approx(expert * 7 / 8, rel=0.01)


def test_stages_come_one_after_the_other():
    alone = plan("w4a16", model="scout").short_steps[0]
    staged = plan("w4a16", model="scout", parallel=Parallel(1, 2)).short_steps[0]
    assert staged.weight_bytes == pytest.approx(alone.weight_bytes, rel=0.01)


def test_the_vision_tower_is_not_read_by_a_decode_step():
    with_it, without = (plan("w4a16", vision=one).short_steps[0] for one in (True, False))
    assert with_it.weight_bytes == without.weight_bytes
