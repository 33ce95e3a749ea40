"""Our method in vLLM's layer: loaded by vLLM's loader, it computes what the checkpoint means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from vllm.model_executor.layers.fused_moe.fused_moe_method_base import FusedMoEMethodBase

from inference.kernels.moe.naive import naive_moe
from inference.moe.layer import OutriderRoutedExperts
from inference.vllm_engine.plugin import MOE
from tests.support.vllm_experts import (
    FORMATS,
    HIDDEN,
    checkpoint,
    difference,
    layer,
    load,
    moe_config,
    of_two_ranks,
    routed,
)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_computed_as_it_is_meant(form):
    held = checkpoint(form)
    made = layer(held.quant_config)
    load(made, held)
    for count in (1, 9):
        given = routed(count)
        assert difference(given.by(made), given.truth(held)) < 2e-6


def test_each_time_is_counted():
    made = layer()
    load(made, checkpoint("plain"))
    assert made.calls.item() == 0
    for _ in range(3):
        routed(4).by(made)
    assert made.calls.item() == 3


@pytest.mark.parametrize("form", ["plain", "int4"])
def test_the_ranks_of_an_expert_parallel_layer_add_up_to_the_whole(form):
    held, given = checkpoint(form), routed(12)
    total = torch.zeros(12, HIDDEN, dtype=torch.float64)
    for rank, part in enumerate(of_two_ranks(held)):
        out = given.by(part)
        here = given.ids[:, 0] // 2 == rank
        assert out[~here].abs().max() == 0
        total += out
    assert difference(total, given.truth(held)) < 2e-6


def test_the_weight_stays_on_the_output_where_the_model_says_so():
    held, given = checkpoint("plain"), routed(6)
    made = layer(apply_router_weight_on_input=False)
    load(made, held)
    right = naive_moe(
        given.x.double(),
        held.w13,
        held.w2,
        given.weights.double(),
        given.ids.long(),
        apply_router_weight_on_input=False,
    )
    assert difference(given.by(made), right) < 2e-6


def test_int4_groups_that_tensor_parallel_parts_would_cut_are_refused_in_words():
    held = checkpoint("int4")
    config = moe_config(intermediate_size=192)
    with pytest.raises(ValueError, match="use fewer tensor-parallel parts"):
        layer(held.quant_config, config)


class MarlinsWay(FusedMoEMethodBase):
    """Weights the input where the layer asks for that, as vLLM does before its experts, and then
    what comes out by the weights that it was given, as its Marlin experts do."""

    def create_weights(self, layer: Any, *sizes: Any, **more: Any) -> None:
        pass

    def get_fused_moe_quant_config(self, layer: Any) -> None:
        return None

    def apply(self, layer, x, topk_weights, topk_ids, **shared):
        if layer.apply_router_weight_on_input:
            x = x * topk_weights
        return replace(routed(0), x=x, weights=topk_weights, ids=topk_ids).truth(
            checkpoint("plain")
        )


class OverMarlin(OutriderRoutedExperts):
    """vLLM's Marlin needs a GPU; what is about it stands in its place."""

    def _method_of_vllm(self, prefix: str, quant_config: Any, moe_config: Any) -> Any:
        return MarlinsWay(moe_config)


@pytest.mark.parametrize("weighted_here", [True, False])
def test_vllms_own_experts_are_weighted_once_whatever_they_do(monkeypatch, weighted_here):
    """The second case is stock's: the same experts, without our layer's weighting, are wrong."""
    monkeypatch.setenv(MOE, "triton")
    made = layer(cls=OverMarlin)
    if not weighted_here:
        made._weights_here, made.apply_router_weight_on_input = False, True
    given = routed(8)
    found = difference(given.by(made), given.truth(checkpoint("plain")))
    assert (found < 2e-6) == weighted_here
    assert made.calls.item() == 1
