from __future__ import annotations

from inference.plan.architecture import read_architecture
from inference.plan.cache import Cache, plan_cache
from inference.plan.weights import Parallel
from tests.support.planned import asked
from tests.unit.inference.plan.test_architecture import LLAMA

ALONE = Parallel()
SCOUT = read_architecture(asked("bf16").config)
MIXED = LLAMA | {
    "architectures": ["MistralForCausalLM"],
    "sliding_window": 4096,
    "num_hidden_layers": 5,
    "layer_types": ["sliding_attention"] * 3 + ["full_attention"] * 2,
}


def cache(model=SCOUT, *, hybrid=True, in_flight=4096, parallel=ALONE, block=16) -> Cache:
    return plan_cache(
        model,
        parallel,
        value_bytes=1,
        block_tokens=block,
        in_flight=in_flight,
        hybrid=hybrid,
    )


def test_scouts_layers_are_four_groups_of_twelve():
    assert [(one.layers, one.window) for one in cache().groups] == [
        (12, 8192),
        (12, 8192),
        (12, 8192),
        (12, None),
    ]


def test_a_conversation_takes_whole_blocks():
    full = cache(hybrid=False)
    assert full.bytes_of(1) == full.bytes_of(16) == full.block_bytes
    assert full.bytes_of(17) == 2 * full.block_bytes


def test_up_to_the_window_the_hybrid_cache_takes_as_much_as_the_full_one():
    full, hybrid = cache(hybrid=False), cache()
    assert hybrid.bytes_of(8192) == full.bytes_of(8192)


def test_beyond_window_and_steps_in_flight_only_global_layers_grow():
    hybrid = cache()
    grown = hybrid.bytes_of(200_000 + 16) - hybrid.bytes_of(200_000)
    assert grown == 16 * hybrid.token_bytes == 16 * 12 * 2 * 8 * 128
    assert hybrid.bytes_of(8192 + 4096) == hybrid.blocks(12_288) * hybrid.block_bytes
    assert hybrid.blocks(12_288) == 4 * 12_288 // 16, "the window, and what is in flight"


def test_groups_of_kinds_that_are_nearly_as_many_are_as_large_as_the_larger():
    kinds = [(one.layers, one.window) for one in cache(read_architecture(MIXED)).groups]
    assert kinds == [(2, 4096), (2, 4096), (2, None)], "three are not less than half more than two"
    four = MIXED | {
        "num_hidden_layers": 7,
        "layer_types": ["sliding_attention"] * 4 + ["full_attention"] * 3,
    }
    assert [one.layers for one in cache(read_architecture(four)).groups] == [4, 4]


def test_cards_share_the_heads_and_repeat_one_where_there_are_too_few():
    one, eight, forty = (
        cache(hybrid=False, parallel=Parallel(cards)).token_bytes for cards in (1, 8, 40)
    )
    assert one == 8 * eight
    assert forty == eight


def test_a_stage_keeps_its_own_layers():
    assert cache(hybrid=False, parallel=Parallel(1, 2)).token_bytes * 2 == (
        cache(hybrid=False).token_bytes
    )
