from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from inference.errors import PlanRefused
from inference.plan.quantization import Quantization, read_quantization

ROWS, COLUMNS = 8192, 5120
VALUES = ROWS * COLUMNS
EXPERT = "language_model.model.layers.3.feed_forward.experts.0.gate_proj"
QUERY = "language_model.model.layers.3.self_attn.q_proj"
INT4 = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128, "symmetric": True}


def compressed(weights: dict[str, Any], ignore: list[str] | None = None) -> Quantization:
    groups = {"group_0": {"targets": ["Linear"], "weights": weights}}
    stored = {
        "quant_method": "compressed-tensors",
        "config_groups": groups,
        "ignore": ignore or [],
    }
    return read_quantization({"quantization_config": stored}, 2)


def stored_bytes(quantization: Quantization, name: str = EXPERT) -> int:
    return quantization.scheme_of(name).bytes_of(ROWS, COLUMNS)


def test_int4_in_groups_of_128_is_0_5156_bytes_a_value():
    assert stored_bytes(compressed(INT4)) / VALUES == pytest.approx(0.515625)


def test_asymmetric_has_a_zero_point_of_four_bits_beside_each_scale():
    more = stored_bytes(compressed(INT4 | {"symmetric": False})) - stored_bytes(compressed(INT4))
    assert more == VALUES / 128 / 2


def test_fp8_has_a_scale_for_each_row_or_each_block():
    channel = {"num_bits": 8, "type": "float", "strategy": "channel"}
    block = {"num_bits": 8, "type": "float", "strategy": "block", "block_structure": [128, 128]}
    assert stored_bytes(compressed(channel)) == VALUES + ROWS * 4
    assert stored_bytes(compressed(block)) == VALUES + (ROWS // 128) * (COLUMNS // 128) * 4


def test_nothing_said_is_bf16():
    plain = read_quantization({}, 2)
    assert (plain.label, stored_bytes(plain)) == ("BF16", VALUES * 2)


@pytest.mark.parametrize(
    "ignore",
    [
        ["re:.*self_attn.*"],
        ["re:.*layers\\.3\\.self_attn\\.(q|k|v|o)_proj$"],
        [QUERY],
        ["model.language_model.layers.3.self_attn.q_proj"],
    ],
)
def test_what_is_ignored_stays_as_it_was(ignore):
    quantization = compressed(INT4, ignore)
    assert stored_bytes(quantization, QUERY) == VALUES * 2
    assert stored_bytes(quantization, EXPERT) < VALUES


def test_a_cpu_holds_what_is_in_four_bits_as_plain_numbers():
    held = replace(compressed(INT4), int4_dequantized=True)
    assert held.scheme_of(EXPERT) == held.plain
    assert held.scheme_of(EXPERT.replace("experts.0", "shared_expert")) == held.plain
    wider = replace(compressed(INT4 | {"num_bits": 8}), int4_dequantized=True)
    assert wider.scheme_of(EXPERT).bits == 8


def test_an_expression_must_match_from_the_beginning_as_in_vllm():
    assert stored_bytes(compressed(INT4, ["re:self_attn"]), QUERY) < VALUES


def test_a_group_stores_only_its_targets():
    groups = {
        "a": {"targets": ["re:.*experts.*"], "weights": INT4},
        "b": {"targets": ["Linear"], "weights": INT4 | {"num_bits": 8}},
    }
    stored = {"quant_method": "compressed-tensors", "config_groups": groups}
    quantization = read_quantization({"quantization_config": stored}, 2)
    assert stored_bytes(quantization, QUERY) > VALUES
    assert stored_bytes(quantization, EXPERT) < VALUES
    assert quantization.label == "W4A16 and W8A16"


@pytest.mark.parametrize(
    ("stored", "bytes_a_value"),
    [
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, 1 + 4 / 128**2),
        ({"quant_method": "fbgemm_fp8"}, 1 + 4 / COLUMNS),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, 0.5 + 2.5 / 128),
        ({"quant_method": "awq", "bits": 4, "group_size": 64}, 0.5 + 2.5 / 64),
    ],
)
def test_other_methods(stored, bytes_a_value):
    quantization = read_quantization({"quantization_config": stored}, 2)
    assert stored_bytes(quantization) / VALUES == pytest.approx(bytes_a_value)
    assert quantization.scheme_of("lm_head").bits == 16


def test_modules_not_converted_are_left_out_with_all_below_them():
    stored = {"quant_method": "fbgemm_fp8", "modules_to_not_convert": ["layers.3.self_attn"]}
    quantization = read_quantization({"quantization_config": stored}, 2)
    assert stored_bytes(quantization, QUERY) == VALUES * 2
    assert stored_bytes(quantization, QUERY.replace("3", "30")) < VALUES * 2


@pytest.mark.parametrize(
    ("stored", "sentence"),
    [
        ({"quant_method": "magic"}, "doesn't know the quantization 'magic'"),
        ({"bits": 4}, "quant_method .* must be a text"),
        ({"quant_method": "compressed-tensors"}, "has no config_groups"),
        ({"quant_method": "gptq", "bits": 0, "group_size": 128}, "bits .* at least 1"),
    ],
)
def test_what_is_not_known_is_one_sentence(stored, sentence):
    with pytest.raises(PlanRefused, match=sentence):
        read_quantization({"quantization_config": stored}, 2)


def test_what_vllm_quantizes_as_it_loads_is_not_planned_and_what_is_stored_so_is():
    with pytest.raises(PlanRefused, match=r"quantizes as it loads it \(quantization = 'fp8'\)"):
        read_quantization({}, 2, "fp8")
    stored = {"quantization_config": {"quant_method": "fp8"}}
    assert read_quantization(stored, 2, "fp8").label == "FP8"
    assert read_quantization({"text_config": stored}, 2, "fp8").label == "FP8"
    assert read_quantization({}, 2, "compressed-tensors").label == "BF16", "nothing makes it that"


def test_a_broken_expression_is_named():
    with pytest.raises(PlanRefused, match=r"\*oops"):
        compressed(INT4, ["re:*oops"])
