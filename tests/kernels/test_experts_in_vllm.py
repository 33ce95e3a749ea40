"""Our kernels as vLLM's layer runs them: repacked after loading, counted on the device."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from inference.kernels.moe.tiling import DEFAULT
from tests.support.vllm_experts import (
    EXPERTS,
    FORMATS,
    HIDDEN,
    INNER,
    checkpoint,
    difference,
    layer,
    load,
    of_two_ranks,
    routed,
)

pytestmark = pytest.mark.skipif(
    torch.cuda.is_available(), reason="vLLM's layer is made on the CPU here"
)
BOUND = 2e-6  # in float32


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_repacked_and_computed_as_it_is_meant(form):
    held = checkpoint(form)
    made = layer(held.quant_config)
    load(made, held)
    assert made.choice.tiles
    assert not list(made.parameters()), "what was loaded is still there"
    for count in (1, 9):
        given = routed(count)
        assert difference(given.by(made), given.truth(held)) < BOUND
    assert made.calls.item() == 2


def test_the_repacking_is_measured():
    made = layer(checkpoint("int4").quant_config)
    load(made, checkpoint("int4"))
    told = made.quant_method.repacking
    codes = EXPERTS * 3 * INNER * HIDDEN // 2
    assert told.tiles_bytes == sum(one.nbytes for one in made.buffers() if one.numel() > EXPERTS)
    assert codes < told.tiles_bytes < 1.1 * codes
    assert told.seconds > 0


def test_a_warm_up_runs_every_cut_of_the_table():
    made = layer(checkpoint("int4").quant_config)
    load(made, checkpoint("int4"))
    with torch.inference_mode():
        made.quant_method.warm_up(made, 70)
    cuts = {min(tiling.most_tokens, 70) for tiling in DEFAULT}
    assert made.calls.item() > len(cuts) > 2


@pytest.mark.parametrize("form", ["plain", "int4"])
def test_the_ranks_of_an_expert_parallel_layer_add_up_to_the_whole(form):
    held, given = checkpoint(form), routed(12)
    total = torch.zeros(12, HIDDEN, dtype=torch.float64)
    for part in of_two_ranks(held):
        total += given.by(part)
    assert difference(total, given.truth(held)) < BOUND


@pytest.fixture
def compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def test_the_op_is_one_node_of_a_compiled_graph(compiler):
    held = checkpoint("int4")
    made = layer(held.quant_config)
    load(made, held)
    given = routed(5)

    def step(x: torch.Tensor, weights: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        return made.forward_modular(x + 0, weights, ids) * 1

    whole = torch.compile(step, fullgraph=True, backend="aot_eager")
    with torch.inference_mode():
        out = whole(given.x, given.weights, given.ids)
    assert difference(out, given.truth(held)) < BOUND
    assert made.calls.item() == 1
