from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import PlanRefused
from inference.plan.architecture import read_architecture
from inference.plan.quantization import read_quantization

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 2048,
    "num_hidden_layers": 4,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 8192,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
    "torch_dtype": "bfloat16",
}
QWEN_MOE = LLAMA | {
    "architectures": ["Qwen3MoeForCausalLM"],
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 768,
    "mlp_only_layers": [0],
    "head_dim": 128,
}


def test_a_dense_model_of_a_persons_own():
    model = read_architecture(LLAMA)
    assert model.head_dim == 64
    assert [layer.intermediate for layer in model.layers] == [8192] * 4
    assert all(layer.experts is None and layer.window is None for layer in model.layers)


def test_a_mixture_of_experts_with_a_dense_layer():
    model = read_architecture(QWEN_MOE)
    assert [layer.experts is None for layer in model.layers] == [True, False, False, False]
    assert model.experts is not None
    assert (model.experts.count, model.experts.chosen, model.experts.shared) == (128, 8, 0)
    assert model.head_dim == 128


def test_a_window_is_of_the_layers_that_slide():
    kinds = ["sliding_attention", "full_attention"] * 2
    mistral = LLAMA | {
        "architectures": ["MistralForCausalLM"],
        "sliding_window": 4096,
        "layer_types": kinds,
    }
    assert [layer.window for layer in read_architecture(mistral).layers] == [4096, None] * 2


@pytest.mark.parametrize(
    ("rope", "longest"),
    [
        ({}, 4096),
        ({"rope_scaling": {"type": "linear", "factor": 4.0}}, 16_384),
        ({"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}, 8192),
        ({"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}}, 16_384),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, 4096),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 1e4}}, 4096),
        ({"model_max_length": 6000}, 6000),
    ],
)
def test_the_longest_context_is_vllms(rope, longest):
    from transformers import LlamaConfig
    from vllm.config.model import _get_and_verify_max_len
    from vllm.transformers_utils.config import patch_rope_parameters
    from vllm.transformers_utils.model_arch_config_convertor import ModelArchConfigConvertorBase

    assert read_architecture(LLAMA | rope).longest == longest
    assert read_architecture(LLAMA | {"rope_scaling": {"factor": None}}).longest == 4096
    config = LlamaConfig(**LLAMA | rope)
    patch_rope_parameters(config)
    stated = ModelArchConfigConvertorBase(config, config).derive_max_model_len_and_key()
    facts = SimpleNamespace(derived_max_model_len_and_key=stated)
    asked = (config, facts, None)
    assert _get_and_verify_max_len(*asked, longest, False, None) == longest
    with pytest.raises(ValueError, match="greater than the derived max_model_len"):
        _get_and_verify_max_len(*asked, longest + 1, False, None)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"architectures": ["MambaForCausalLM"]}, "MambaForCausalLM.*none that the plan knows"),
        ({"architectures": None}, "none that the plan knows"),
        ({"hidden_size": None}, "has no hidden_size"),
        ({"hidden_size": "2048"}, "hidden_size .* must be a whole number"),
        ({"hidden_size": -1}, "hidden_size .* must be a whole number"),
        ({"hidden_size": True}, "hidden_size .* must be a whole number"),
        ({"num_hidden_layers": 10**8}, "at most 10,000"),
        ({"torch_dtype": "int3"}, "dtype .* must be one of bfloat16"),
        ({"architectures": ["Llama4ForConditionalGeneration"]}, "has no text_config"),
    ],
)
def test_what_is_missing_or_unknown_is_one_sentence(change, sentence):
    with pytest.raises(PlanRefused, match=sentence):
        read_architecture(LLAMA | change)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


@given(st.sampled_from([LLAMA, QWEN_MOE]), st.data())
def test_whatever_a_config_says_is_planned_or_refused(base, data):
    name = data.draw(st.sampled_from([*base, "quantization_config", "layer_types", "text_config"]))
    config = base | {name: data.draw(anything)}
    try:
        model = read_architecture(config)
        read_quantization(config, model.dtype_bytes)
    except PlanRefused as refused:
        assert str(refused).endswith(".")
