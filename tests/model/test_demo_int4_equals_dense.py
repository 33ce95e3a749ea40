"""The demo model in W4A16 says what its dense original says with its MLPs in four bits.

As `test_demo_equals_dense.py`, through our int4 method in each layer. The reference is rounded by
a few lines of its own: each MLP matrix of the dense original, in groups of 128 columns. That the
checkpoint must equal it rests on `inference/demo/w4a16.py`: doubled rows round alike, experts'
groups hold the same neurons, and the widened model is the same function.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from inference.vllm_engine.engine import VllmEngine
from tests.model.demo_answers import (
    answers_of,
    assert_thirty_two_say_what_each_says_alone,
    assert_twice_is_garbage,
    continued,
    demo_engine,
    rendered,
)

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(400),
    pytest.mark.asyncio(loop_scope="module"),
]

GROUP = 128
# On a CPU an expert is dequantized for each step that uses it: few steps, and short answers.
STEP_TOKENS = 2048
TOKENS = 16


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(demo_data_dir: Path) -> AsyncIterator[VllmEngine]:
    async with demo_engine("demo-int4", demo_data_dir, STEP_TOKENS) as started:
        yield started


@pytest.fixture(scope="module")
def rounded(dense_original: Path) -> LlamaForCausalLM:
    """The dense original, its MLPs as four bits hold them and its norms as the widened model."""
    import torch
    from transformers import LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(dense_original, dtype=torch.float32)
    norms = [model.model.norm]
    for layer in model.model.layers:
        norms += [layer.input_layernorm, layer.post_attention_layernorm]
        for linear in (layer.mlp.gate_proj, layer.mlp.up_proj, layer.mlp.down_proj):
            linear.weight.data = in_four_bits(linear.weight.data)
    share = (576 / 640) ** 0.5  # stored in bf16 for a norm over 640 numbers, 64 of them 0
    for norm in norms:
        norm.weight.data = (norm.weight.data * share).bfloat16().float() / share
    return model


def in_four_bits(weight: torch.Tensor) -> torch.Tensor:
    """(N, K): rounded to the nearest of -8 to 7 steps of a group's scale, which is a bf16."""
    from torch.nn.functional import pad

    columns = weight.shape[1]
    groups = pad(weight, (0, -columns % GROUP)).unflatten(1, (-1, GROUP))
    scales = (groups.abs().amax(-1, keepdim=True) / 7.5).bfloat16().float()
    return ((groups / scales).round().clamp(-8, 7) * scales).flatten(1)[:, :columns]


@pytest.fixture(scope="module")
def reference(rounded: LlamaForCausalLM, dense_original: Path) -> list[list[int]]:
    return continued(rounded, rendered(dense_original), TOKENS)


async def test_each_layer_is_computed_by_our_int4_method(engine):
    methods = ["OutriderCompressedTensorsMoEMethod"] * 30
    assert await engine.call_workers("moe_methods") == [methods]
    assert engine.info.quantization == "W4A16"


async def test_greedy_answers_equal_those_of_the_dense_original_in_four_bits(engine, reference):
    assert await answers_of(engine, TOKENS) == reference
    assert sum(len(answer) for answer in reference) > 100  # long enough to mean something


async def test_with_the_routers_weight_applied_twice_the_answers_are_garbage(engine, reference):
    await assert_twice_is_garbage(engine, reference)


async def test_thirty_two_at_once_say_what_each_says_alone(engine):
    await assert_thirty_two_say_what_each_says_alone(engine, tokens=4, every=8)
