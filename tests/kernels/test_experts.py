"""The experts' kernels against the naive layer in float64, over sizes, formats and edges."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.kernels.moe import layer as kernels
from inference.kernels.moe.int4 import quantize
from inference.kernels.moe.layer import Experts, routed_experts
from inference.kernels.moe.naive import naive_moe
from inference.kernels.moe.tiles import int4_matrix_from_packed
from inference.kernels.moe.tiling import Cut, Tiling
from tests.kernels.layers import DEVICE, FORMS, Layer, random_layer, scores, tokens, uniform

# ‖ours − naive‖ / ‖naive‖. The interpreter's product of bf16 is wrong, so bf16 needs a GPU.
BOUNDS = {torch.float32: 2e-6, torch.float16: 1.5e-3, torch.bfloat16: 1e-2}
DTYPES = list(BOUNDS) if DEVICE == "cuda" else [torch.float32, torch.float16]


def truth(layer: Layer, x: torch.Tensor, weights: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    exact = (one.cpu() for one in (x.double(), layer.w13, layer.w2, weights.double(), ids))
    return naive_moe(*exact, apply_router_weight_on_input=True)


def ours(
    layer: Layer,
    x: torch.Tensor,
    weights: torch.Tensor,
    ids: torch.Tensor,
    tiling: Tiling | None = None,
) -> torch.Tensor:
    return routed_experts(x, layer.experts, weights, ids, tiling).cpu()


def difference(found: torch.Tensor, wanted: torch.Tensor) -> float:
    assert not found.isnan().any(), "not every element was written"
    return float((found.double() - wanted).norm() / wanted.norm())


@pytest.fixture(autouse=True)
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that a kernel is handed to write into holds NaN before, or a number that is wrong."""
    empty = torch.empty

    def nan(*size: int, **options: object) -> torch.Tensor:
        made = empty(*size, **options)  # type: ignore[call-overload]
        return made.fill_(float("nan") if made.is_floating_point() else 77)

    monkeypatch.setattr(kernels.torch, "empty", nan)
    monkeypatch.setattr(
        kernels.torch,
        "empty_like",
        lambda one: empty(one.shape, dtype=one.dtype, device=one.device).fill_(float("nan")),
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [1, 20])
def test_every_format_equals_the_naive_layer(form: str, count: int, dtype: torch.dtype) -> None:
    layer = random_layer(form, 3, 256, 96, dtype)
    case = tokens(count, 256, dtype), scores(count), uniform(count, 3)
    assert difference(ours(layer, *case), truth(layer, *case)) < BOUNDS[dtype]


@pytest.mark.parametrize("hidden, inner", [(128, 32), (192, 96), (136, 40), (320, 160)])
def test_sizes_that_fill_no_whole_tile(hidden: int, inner: int) -> None:
    layer = random_layer("int4", 3, hidden, inner, torch.float32)
    case = tokens(9, hidden, torch.float32), scores(9), uniform(9, 3)
    assert difference(ours(layer, *case), truth(layer, *case)) < 2e-6


@pytest.mark.parametrize("chosen", [0, 6])
def test_all_tokens_on_one_expert_and_none_on_the_others(chosen: int) -> None:
    layer = random_layer("int4", 7, 128, 64, torch.float32)
    ids = torch.full((20, 1), chosen, device=DEVICE)
    case = tokens(20, 128, torch.float32), scores(20), ids
    assert difference(ours(layer, *case), truth(layer, *case)) < 2e-6


def test_no_token_gives_an_empty_result() -> None:
    layer = random_layer("int4", 3, 128, 64, torch.float32)
    empty = torch.zeros(0, 1, device=DEVICE)
    assert ours(layer, tokens(0, 128, torch.float32), empty, empty.long()).shape == (0, 128)


CUTS = [
    Tiling(1 << 62, Cut(64, 16), Cut(64, 16, splits=3), direct=True),
    Tiling(1 << 62, Cut(64, 16, splits=2), Cut(64, 16, splits=8), direct=True),
    Tiling(1 << 62, Cut(64, 32), Cut(64, 32)),
    Tiling(1 << 62, Cut(128, 64), Cut(128, 64, splits=2)),
]


@pytest.mark.parametrize("tiling", CUTS, ids=["direct", "small", "middle", "large"])
@pytest.mark.parametrize("count", [1, 18])
def test_however_the_work_is_cut(count: int, tiling: Tiling) -> None:
    layer = random_layer("int4", 2, 200, 160, torch.float32)
    case = tokens(count, 200, torch.float32), scores(count), uniform(count, 2)
    assert difference(ours(layer, *case, tiling), truth(layer, *case)) < 2e-6


DIRECT = Tiling(1 << 62, Cut(64, 16), Cut(64, 16, splits=2), direct=True)
SORTED = Tiling(1 << 62, Cut(64, 16), Cut(64, 16, splits=2))


@pytest.mark.parametrize("count", [2, 16])
def test_routed_directly_or_sorted_before_the_bits_are_the_same(count: int) -> None:
    layer = random_layer("int4", 3, 192, 96, torch.float32)
    case = tokens(count, 192, torch.float32), scores(count), uniform(count, 3)
    assert torch.equal(ours(layer, *case, DIRECT), ours(layer, *case, SORTED))


@pytest.mark.parametrize("missing", [-1, 1 << 33])
@pytest.mark.parametrize("tiling", [DIRECT, SORTED], ids=["direct", "sorted"])
@pytest.mark.parametrize("count", [1, 13])
def test_a_token_whose_expert_is_on_another_rank_is_a_row_of_zeros(
    count: int, tiling: Tiling, missing: int
) -> None:
    layer = random_layer("int4", 4, 192, 96, torch.float32)
    x, weights, ids = tokens(count, 192, torch.float32), scores(count), uniform(count, 4)
    ids[::3] = missing
    x[0] = float("nan")  # nor is it looked at
    found = ours(layer, x, weights, ids, tiling)
    assert (found[::3] == 0).all()
    if count > 1:
        there = torch.arange(count) % 3 != 0
        wanted = truth(layer, *(one[there.to(DEVICE)] for one in (x, weights, ids)))
        assert difference(found[there], wanted) < 2e-6


@pytest.mark.parametrize("tiling", [DIRECT, SORTED], ids=["direct", "sorted"])
def test_a_rank_without_any_of_the_experts_gives_zeros_alone(tiling: Tiling) -> None:
    layer = random_layer("plain", 2, 128, 64, torch.float32)
    ids = torch.full((9, 1), -1, device=DEVICE)
    assert (ours(layer, tokens(9, 128, torch.float32), scores(9), ids, tiling) == 0).all()


@pytest.mark.parametrize("kind", [torch.int32, torch.int64])
@pytest.mark.parametrize("tiling", [DIRECT, SORTED], ids=["direct", "sorted"])
def test_the_calls_are_counted_on_the_device(tiling: Tiling, kind: torch.dtype) -> None:
    layer = random_layer("int4", 3, 128, 64, torch.float32)
    calls = torch.full((1,), 1 << 40, dtype=torch.int64, device=DEVICE)
    for count in (5, 1, 0, 16):  # none is not computed
        case = tokens(count, 128, torch.float32), layer.experts, scores(count)
        routed_experts(*case, uniform(count, 3).to(kind), tiling, calls=calls)
    assert calls.tolist() == [(1 << 40) + 3]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("tiling", [DIRECT, SORTED], ids=["direct", "sorted"])
def test_what_is_no_number_stays_in_its_row(tiling: Tiling, bad: float) -> None:
    layer = random_layer("int4", 2, 192, 96, torch.float32)
    x, weights, ids = tokens(12, 192, torch.float32), scores(12), uniform(12, 2)
    right = ours(layer, x, weights, ids, tiling)
    x[5, 70] = bad
    found = ours(layer, x, weights, ids, tiling)
    assert not found[5].isfinite().any()
    others = torch.arange(12) != 5
    assert torch.equal(found[others], right[others])


@pytest.mark.parametrize("form", ["int4", "fp8-block", "plain"])
@pytest.mark.parametrize("size", [1e-12, 1e9])
def test_huge_and_tiny_scales(form: str, size: float) -> None:
    """A scale is multiplied in once the sum is there: what it scales never leaves fp32's range."""
    layer = random_layer(form, 3, 256, 128, torch.float32, size=size)
    case = tokens(9, 256, torch.float32), scores(9), uniform(9, 3)
    wanted = truth(layer, *case)
    found = ours(layer, *case)
    assert not found.isnan().any()
    # The norm of what is as small as this would be zero in float32.
    assert float((found.double() - wanted).norm() / wanted.norm()) < 2e-6


@pytest.mark.parametrize("symmetric", [True, False])
def test_from_a_checkpoint_s_packed_weights(symmetric: bool) -> None:
    """All the way: int4 as it is loaded, repacked, against the naive layer on what was loaded."""
    generator = torch.Generator().manual_seed(5)
    w2 = quantize(torch.randn(3, 256, 128, generator=generator) / 16, 128, symmetric=symmetric)
    w13 = quantize(torch.randn(3, 256, 256, generator=generator) / 16, 128, symmetric=symmetric)
    experts = Experts(
        int4_matrix_from_packed(w13, pairs=True), int4_matrix_from_packed(w2, pairs=False), 128
    )
    x, weights, ids = tokens(9, 256, torch.float32), scores(9), uniform(9, 3)
    exact = [replace(one, scales=one.scales.double()) for one in (w13, w2)]
    wanted = naive_moe(x.double(), *exact, weights.double(), ids, apply_router_weight_on_input=True)
    found = routed_experts(x, experts, weights, ids)
    assert difference(found, wanted) < 2e-6


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_routing_of_any_few_tokens_in_any_cut(data: st.DataObject) -> None:
    experts = data.draw(st.integers(1, 5))
    ids = data.draw(st.lists(st.integers(-1, experts), min_size=1, max_size=24))
    tiling = Tiling(
        1 << 62,
        Cut(
            data.draw(st.sampled_from([64, 128])),
            data.draw(st.sampled_from([16, 32])),
            splits=data.draw(st.integers(1, 3)),
        ),
        Cut(64, data.draw(st.sampled_from([16, 32])), splits=data.draw(st.integers(1, 4))),
        direct=data.draw(st.booleans()),
    )
    layer = random_layer("int4", experts, 136, 40, torch.float32)
    chosen = torch.tensor(ids, device=DEVICE).view(-1, 1)
    case = tokens(len(ids), 136, torch.float32), scores(len(ids)), chosen
    found, wanted = ours(layer, *case, tiling), truth(layer, *case)
    assert not found.isnan().any()
    assert float((found.double() - wanted).norm()) <= 2e-6 * float(wanted.norm())


def test_the_same_input_gives_the_same_bits() -> None:
    layer = random_layer("int4", 2, 128, 256, torch.float16)
    case = tokens(18, 128, torch.float16), scores(18), uniform(18, 2)
    tiling = Tiling(1 << 62, Cut(64, 16, splits=2), Cut(64, 16, splits=4))
    assert torch.equal(ours(layer, *case, tiling), ours(layer, *case, tiling))


def test_the_router_s_weight_counts_once() -> None:
    """Not twice, as in a kernel that weights an input that was weighted already; nor never."""
    layer = random_layer("plain", 2, 128, 64, torch.float32)
    x, ids = tokens(6, 128, torch.float32), uniform(6, 2)
    half = torch.full((6, 1), 0.5, device=DEVICE)
    found = ours(layer, x, half, ids)
    assert difference(found, truth(layer, x, half, ids)) < 2e-6
    for wrong in (half * half, torch.ones_like(half)):
        assert difference(found, truth(layer, x, wrong, ids)) > 0.1
