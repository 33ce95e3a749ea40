from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from inference.errors import PlanRefused
from inference.plan.architecture import read_architecture
from inference.plan.cards import card_named
from inference.plan.planning import Asked, make_plan
from inference.plan.quantization import read_quantization
from inference.plan.weights import Parallel, Weights, possible_cards, stages, weigh
from tests.support.planned import serving
from tests.unit.inference.plan.test_architecture import LLAMA, QWEN_MOE


def weighed(config: Mapping[str, Any], parallel: Parallel) -> Weights:
    model = read_architecture(config)
    return weigh(model, read_quantization(config, 2), parallel, model.longest)


def test_a_dense_models_weights_are_its_matrices():
    total = weighed(LLAMA, Parallel()).total
    assert total["attention"] == 4 * 2 * 2048 * (2048 + 2048 + 512 + 512)
    assert total["dense MLP"] == 4 * 2 * 3 * 2048 * 8192
    assert total["norms"] == 2 * 2048 * (4 * 2 + 1)
    assert total["embedding"] == total["lm_head"] == 2 * 2048 * 1024, "padded from 1,000"
    assert total["rotary table"] == 4096 * 64 * 2


def test_a_config_of_very_many_heads_is_answered_at_once():
    config = LLAMA | {"num_attention_heads": 10**9, "num_key_value_heads": 1}
    model = read_architecture(config)
    assert possible_cards(model)[:3] == (1, 2, 4)


def test_tied_embeddings_are_stored_once():
    tied = weighed(LLAMA | {"tie_word_embeddings": True}, Parallel())
    assert tied.total["lm_head"] == 0


def test_cards_share_matrices_and_repeat_what_they_all_need():
    whole, shared = (weighed(LLAMA, Parallel(cards)).card for cards in (1, 4))
    assert shared["dense MLP"] == whole["dense MLP"] / 4
    assert shared["embedding"] == whole["embedding"] / 4
    assert shared["norms"] == whole["norms"]
    assert shared["rotary table"] == whole["rotary table"]


def test_kv_heads_are_repeated_where_there_are_more_cards_than_heads():
    whole, shared = (weighed(LLAMA, Parallel(cards)).card for cards in (1, 16))
    key = 2 * 2048 * 64  # one head on each of 16 cards, though there are 8
    assert shared["attention"] == 4 * (2 * 2 * 2048 * 128 + 2 * key)
    assert shared["attention"] > whole["attention"] / 16


def test_experts_are_dealt_out_whole_or_cut():
    cut, dealt = (weighed(QWEN_MOE, Parallel(4, expert=one)).card for one in (False, True))
    assert cut["routed experts"] == dealt["routed experts"] == 3 * 32 * 2 * 3 * 2048 * 768


def test_stages_hold_their_layers_and_the_heaviest_counts():
    halves = weighed(LLAMA, Parallel(pipeline=2))
    assert halves.card["dense MLP"] == halves.total["dense MLP"] / 2
    assert (halves.card["embedding"] == 0) != (halves.card["lm_head"] == 0)


@pytest.mark.parametrize(
    ("layers", "count", "sizes"), [(48, 2, [24, 24]), (10, 4, [2, 3, 3, 2]), (5, 2, [3, 2])]
)
def test_layers_that_are_left_over_go_to_the_middle(layers, count, sizes):
    assert [len(one) for one in stages(layers, Parallel(pipeline=count))] == sizes


@pytest.mark.parametrize(
    ("parallel", "sentence"),
    [
        (Parallel(3), "3 cards can't share .* 32 attention heads .* one of 1, 2, 4, 8, 16, 32"),
        (Parallel(0), "one card at least"),
        (Parallel(1, 5), "5 stages are more than the model's 4 layers"),
    ],
)
def test_a_model_that_cannot_be_cut_so_is_one_sentence(parallel, sentence):
    with pytest.raises(PlanRefused, match=sentence):
        weighed(LLAMA, parallel)


def test_float32_is_served_in_sixteen_bits_where_the_profile_does_not_say_else():
    def bytes_of(stored: str, dtype: str) -> int:
        config = LLAMA | {"torch_dtype": stored}
        given = Asked("one", config, serving(dtype=dtype, max_model_len=4096), card_named("H100"))
        return make_plan(given).weights.card_bytes

    narrow, wide = bytes_of("bfloat16", "auto"), bytes_of("bfloat16", "float32")
    assert bytes_of("float32", "auto") == narrow
    assert bytes_of("float32", "float32") == wide > 1.9 * narrow
    with pytest.raises(PlanRefused, match="doesn't know the dtype"):
        bytes_of("bfloat16", "float8")
