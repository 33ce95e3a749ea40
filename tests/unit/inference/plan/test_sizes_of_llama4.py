"""Scout and Maverick in all formats: the sizes that are known of them."""

from __future__ import annotations

import pytest

from inference.errors import PlanRefused
from inference.plan.architecture import read_architecture
from inference.plan.cards import GIB
from inference.plan.weights import PARTS, Parallel
from tests.support.planned import asked, plan

SPLIT = Parallel(tensor=8, expert=True)


@pytest.mark.parametrize(
    ("format_", "gib"),
    [("bf16", 202.4), ("fp8", 106.8), ("fp8-all", 104.0), ("w4a16", 60.4), ("w4a16-all", 56.2)],
)
def test_scouts_weights_in_every_format(format_, gib):
    assert plan(format_).weights.total_bytes / GIB == pytest.approx(gib, rel=0.002)


def test_only_four_bits_fit_one_card_of_80_gb():
    fits = {name: plan(name).fits for name in ("bf16", "fp8", "fp8-all", "w4a16", "w4a16-all")}
    assert fits == {
        "bf16": False,
        "fp8": False,
        "fp8-all": False,
        "w4a16": True,
        "w4a16-all": True,
    }


def test_scouts_parameters_of_a_layer():
    card = plan("bf16", vision=False).weights.total
    layers = 48
    assert card["attention"] == layers * 2 * 62_914_560
    assert card["shared expert"] == layers * 2 * 125_829_120
    assert card["routed experts"] == layers * 16 * 2 * 125_829_120


def test_maverick_has_400_7_billion_parameters_and_experts_in_every_second_layer():
    found = asked("bf16", model="maverick", parallel=SPLIT, vision=False)
    weights = plan("bf16", model="maverick", parallel=SPLIT, vision=False).weights
    made = weights.total["rotary table"]  # which no checkpoint has
    assert (weights.total_bytes - made) / 2 == pytest.approx(400.7e9, rel=0.0005)
    model = read_architecture(found.config)
    assert [layer.experts is not None for layer in model.layers] == [False, True] * 24


@pytest.mark.parametrize(
    ("format_", "fits"), [("bf16", False), ("fp8", True), ("fp8-all", True), ("w4a16", True)]
)
def test_maverick_on_eight_cards(format_, fits):
    found = plan(format_, model="maverick", parallel=SPLIT)
    assert found.fits is fits
    assert found.weights.card_bytes < found.weights.total_bytes / 7.5


def test_mavericks_fp8_is_that_of_its_routed_experts_alone():
    fp8, bf16 = (plan(name, model="maverick", parallel=SPLIT).weights for name in ("fp8", "bf16"))
    assert {part for part in PARTS if fp8.total[part] < bf16.total[part]} == {"routed experts"}
    # A published start of vLLM 0.8.3 on eight cards, with the table for the model's million tokens.
    longest = plan("fp8", model="maverick", parallel=SPLIT, max_model_len=1_048_576).weights
    assert longest.card_bytes / GIB == pytest.approx(48.87, rel=0.002)


@pytest.mark.parametrize("cards", [5, 10, 20])
def test_eight_kv_heads_are_not_dealt_out_to_5_or_20_cards(cards):
    with pytest.raises(PlanRefused, match="8 KV heads: choose one of 1, 2, 4, 8, 40"):
        plan("w4a16", parallel=Parallel(cards))


def test_maverick_does_not_fit_four_cards_in_fp8():
    assert not plan("fp8", model="maverick", parallel=Parallel(4, expert=True)).fits


def test_the_cache_takes_196608_bytes_a_token_in_bf16_and_a_quarter_of_it_hybrid():
    found = plan("w4a16", cache_dtype="auto")
    assert found.full_cache.token_bytes == 196_608
    assert found.hybrid_cache.token_bytes == 49_152
    assert found.hybrid_cache.window_bytes / GIB == pytest.approx(1.125)


def test_an_fp8_cache_takes_half():
    found = plan("w4a16")
    assert (found.full_cache.token_bytes, found.hybrid_cache.token_bytes) == (98_304, 24_576)


@pytest.mark.parametrize(
    ("format_", "least", "most"), [("w4a16", 355e3, 486e3), ("w4a16-all", 537e3, 668e3)]
)
def test_one_conversation_on_80_gb(format_, least, most):
    assert least < plan(format_).longest_tokens < most


@pytest.mark.parametrize(
    ("format_", "batch", "gigabytes", "tokens"),
    [
        ("w4a16", 1, 14.35, 234),
        ("w4a16", 16, 43.3, 1_237),
        ("w4a16", 64, 60.3, 3_558),
        ("w4a16-all", 1, 9.86, 340),
    ],
)
def test_what_a_decode_step_reads_and_its_bound(format_, batch, gigabytes, tokens):
    steps = {step.batch: step for step in plan(format_).short_steps}
    assert steps[batch].weight_bytes / 1e9 == pytest.approx(gigabytes, rel=0.001)
    assert round(steps[batch].tokens_per_second) == tokens


def test_36_layers_of_48_are_local_and_every_fourth_is_global():
    model = read_architecture(asked("bf16").config)
    assert [layer.window for layer in model.layers] == [8192, 8192, 8192, None] * 12


def test_the_table_of_positions_is_that_of_the_served_context_not_of_ten_million():
    short, long = (plan("w4a16", max_model_len=n).weights.total for n in (65_536, 131_072))
    assert short["rotary table"] == 65_536 * 128 * 2
    assert long["rotary table"] == 2 * short["rotary table"]


def test_text_alone_spares_the_tower():
    with_it, without = plan("w4a16").weights, plan("w4a16", vision=False).weights
    assert with_it.total["vision"] / GIB == pytest.approx(1.62, abs=0.01)
    assert without.total["vision"] == 0
