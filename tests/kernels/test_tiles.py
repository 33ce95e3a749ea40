"""The weights' layout: what comes out of a checkpoint's packed form is what its codes say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from inference.kernels.moe.fp8 import Fp8Weights, quantize_fp8
from inference.kernels.moe.int4 import Int4Weights, quantize, unpack
from inference.kernels.moe.tiles import (
    ExpertMatrix,
    fp8_matrix,
    int4_matrix,
    int4_matrix_from_packed,
    interleaved,
    plain_matrix,
)


def weight(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def equal(one: ExpertMatrix, other: ExpertMatrix) -> bool:
    pairs = [(one.tiles, other.tiles), (one.scales, other.scales), (one.zeros, other.zeros)]
    same = all(a is b if a is None or b is None else _same(a, b) for a, b in pairs)
    return same and (one.rows, one.columns, one.format) == (other.rows, other.columns, other.format)


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    raw = (part.view(torch.uint8) if part.element_size() == 1 else part for part in (one, other))
    return one.dtype == other.dtype and torch.equal(*raw)


def by_codes(weights: Int4Weights, group: int, pairs: bool) -> ExpertMatrix:
    order: Callable[[torch.Tensor], torch.Tensor] = interleaved if pairs else lambda rows: rows
    spans = max(1, group // 128)
    over = [weights.scales]
    if weights.zero_points is not None:
        over.append(unpack(weights.zero_points.mT).mT)
    groups = -(-weights.packed.shape[2] * 8 // 128)
    wide = [order(one.repeat_interleave(spans, 2)[:, :, :groups]) for one in over]
    return int4_matrix(order(unpack(weights.packed)), *wide)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("pairs", [True, False])
@pytest.mark.parametrize(
    "rows, columns, group", [(128, 256, 128), (80, 384, 128), (64, 512, 256), (64, 136, 136)]
)
def test_packed_int4_becomes_the_same_tiles_as_its_codes(
    rows: int, columns: int, group: int, pairs: bool, symmetric: bool
) -> None:
    packed = quantize(weight(3, rows, columns).bfloat16(), group, symmetric=symmetric)
    group = max(group, 128 * -(-columns // 128)) if group == columns else group
    assert equal(int4_matrix_from_packed(packed, pairs=pairs), by_codes(packed, group, pairs))


def test_groups_that_are_no_whole_tiles_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="these have groups of 64: use the naive kernel"):
        int4_matrix_from_packed(quantize(weight(1, 64, 256), 64), pairs=False)
    fp8 = quantize_fp8(weight(1, 64, 256), (64, 64))
    with pytest.raises(ValueError, match="these have 64: use the naive kernel"):
        fp8_matrix(fp8.values, fp8.scales, block=fp8.block)


def scale_of_each(weights: Fp8Weights) -> torch.Tensor:
    ones = torch.ones_like(weights.values.float()).to(torch.float8_e4m3fn)
    return Fp8Weights(ones, weights.scales, weights.block).dequantize()


@pytest.mark.parametrize("pairs", [True, False])
@pytest.mark.parametrize("block", [None, (128, 128), (64, 256), (32, 512)])
@pytest.mark.parametrize("rows, columns", [(256, 640), (192, 384), (130, 200)])
def test_fp8_scales_of_blocks_are_those_of_their_rows_and_groups(
    rows: int, columns: int, block: tuple[int, int] | None, pairs: bool
) -> None:
    made = quantize_fp8(weight(2, rows, columns), block)
    whole = scale_of_each(made)[:, :, ::128].expand(-1, rows, -1).contiguous()
    order: Callable[[torch.Tensor], torch.Tensor] = interleaved if pairs else lambda one: one
    raw = order(made.values.view(torch.uint8)).view(torch.float8_e4m3fn)
    wanted = fp8_matrix(raw, order(whole.expand(-1, -1, -(-columns // 128))))
    assert equal(fp8_matrix(made.values, made.scales, block=block, pairs=pairs), wanted)


def test_one_scale_for_a_matrix_is_that_of_all_its_rows() -> None:
    values, scales = weight(2, 64, 256).to(torch.float8_e4m3fn), torch.tensor([[[2.0]], [[3.0]]])
    wanted = fp8_matrix(values, scales.expand(-1, 64, -1).contiguous())
    assert equal(fp8_matrix(values, scales), wanted)


def test_plain_pairs_are_interleaved() -> None:
    rows = weight(2, 80, 130)
    assert equal(plain_matrix(rows, pairs=True), plain_matrix(interleaved(rows)))


class Sizes(TorchDispatchMode):
    """The bytes of each tensor that is made, views aside."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[int] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        held = {one.untyped_storage().data_ptr() for one in args if isinstance(one, torch.Tensor)}
        for one in result if isinstance(result, (list, tuple)) else [result]:
            if isinstance(one, torch.Tensor) and one.untyped_storage().data_ptr() not in held:
                self.made.append(one.untyped_storage().nbytes())
        return result


@pytest.mark.parametrize("form", ["int4", "fp8", "plain"])
def test_nothing_but_the_result_is_larger_than_a_few_times_one_expert(form: str) -> None:
    experts, plain = 32, weight(32, 128, 256)
    packed, fp8 = quantize(plain, 128), quantize_fp8(plain)
    with Sizes() as sizes:
        if form == "int4":
            result = int4_matrix_from_packed(packed, pairs=True)
        elif form == "fp8":
            result = fp8_matrix(fp8.values, fp8.scales, pairs=True)
        else:
            result = plain_matrix(plain, pairs=True)
    one = result.tiles.untyped_storage().nbytes() // experts
    large = [size for size in sizes.made if size > 2 * one]
    assert large == [one * experts]
