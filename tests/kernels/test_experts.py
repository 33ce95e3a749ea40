"""The experts' kernels against the naive layer in float64, over sizes, formats and edges."""

from __future__ import annotations

import pytest
import torch

from inference.kernels.moe import layer as kernels
from inference.kernels.moe.layer import routed_experts
from inference.kernels.moe.naive import naive_moe
from inference.kernels.moe.tiling import Cut, Tiling
from tests.kernels.layers import DEVICE, Layer, random_layer, scores, tokens, uniform

FORMS = ["int4", "int4-zeros", "fp8-row", "fp8-group", "plain"]
# ‖ours − naive‖ / ‖naive‖. The interpreter's product of bf16 is wrong, so bf16 needs a GPU.
BOUNDS = {torch.float32: 2e-6, torch.float16: 1.5e-3, torch.bfloat16: 1e-2}
DTYPES = list(BOUNDS) if DEVICE == "cuda" else [torch.float32, torch.float16]


def truth(layer: Layer, x: torch.Tensor, weights: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    given = (one.cpu() for one in (x.double(), layer.w13, layer.w2, weights.double(), ids))
    return naive_moe(*given, apply_router_weight_on_input=True)


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
    """Memory that a kernel is handed to write into holds NaN before."""
    empty = torch.empty

    def nan(*size: int, **options: object) -> torch.Tensor:
        made = empty(*size, **options)  # type: ignore[call-overload]
        return made.fill_(float("nan")) if made.is_floating_point() else made

    monkeypatch.setattr(kernels.torch, "empty", nan)
    monkeypatch.setattr(
        kernels.torch,
        "empty_like",
        lambda one: empty(one.shape, dtype=one.dtype, device=one.device).fill_(float("nan")),
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [1, 7, 63])
def test_every_format_equals_the_naive_layer(form: str, count: int, dtype: torch.dtype) -> None:
    layer = random_layer(form, 5, 256, 128, dtype)
    given = tokens(count, 256, dtype), scores(count), uniform(count, 5)
    assert difference(ours(layer, *given), truth(layer, *given)) < BOUNDS[dtype]


@pytest.mark.parametrize("hidden, inner", [(128, 32), (192, 96), (136, 40), (320, 256)])
def test_sizes_that_fill_no_whole_tile(hidden: int, inner: int) -> None:
    layer = random_layer("int4", 3, hidden, inner, torch.float32)
    given = tokens(9, hidden, torch.float32), scores(9), uniform(9, 3)
    assert difference(ours(layer, *given), truth(layer, *given)) < 2e-6


@pytest.mark.parametrize("chosen", [0, 6])
def test_all_tokens_on_one_expert_and_none_on_the_others(chosen: int) -> None:
    layer = random_layer("int4", 7, 128, 64, torch.float32)
    ids = torch.full((40, 1), chosen, device=DEVICE)
    given = tokens(40, 128, torch.float32), scores(40), ids
    assert difference(ours(layer, *given), truth(layer, *given)) < 2e-6


def test_no_token_gives_an_empty_result() -> None:
    layer = random_layer("int4", 3, 128, 64, torch.float32)
    empty = torch.zeros(0, 1, device=DEVICE)
    assert ours(layer, tokens(0, 128, torch.float32), empty, empty.long()).shape == (0, 128)


CUTS = [
    Tiling(1 << 62, Cut(64, 16), Cut(64, 16, splits=3)),
    Tiling(1 << 62, Cut(64, 32), Cut(64, 32)),
    Tiling(1 << 62, Cut(128, 64), Cut(128, 64, splits=2)),
]


@pytest.mark.parametrize("tiling", CUTS, ids=["small", "middle", "large"])
@pytest.mark.parametrize("count", [1, 33, 130])
def test_however_the_work_is_cut(count: int, tiling: Tiling) -> None:
    layer = random_layer("int4", 3, 320, 192, torch.float32)
    given = tokens(count, 320, torch.float32), scores(count), uniform(count, 3)
    assert difference(ours(layer, *given, tiling), truth(layer, *given)) < 2e-6


def test_the_same_input_gives_the_same_bits() -> None:
    layer = random_layer("int4", 3, 256, 512, torch.float16)
    given = tokens(20, 256, torch.float16), scores(20), uniform(20, 3)
    tiling = Tiling(1 << 62, Cut(64, 16), Cut(64, 16, splits=4))
    assert torch.equal(ours(layer, *given, tiling), ours(layer, *given, tiling))


def test_the_router_s_weight_counts_once() -> None:
    """Not twice, as in a kernel that weights an input that was weighted already; nor never."""
    layer = random_layer("plain", 2, 128, 64, torch.float32)
    x, ids = tokens(6, 128, torch.float32), uniform(6, 2)
    half = torch.full((6, 1), 0.5, device=DEVICE)
    found = ours(layer, x, half, ids)
    assert difference(found, truth(layer, x, half, ids)) < 2e-6
    for wrong in (half * half, torch.ones_like(half)):
        assert difference(found, truth(layer, x, wrong, ids)) > 0.1
