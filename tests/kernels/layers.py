"""Layers of random weights, as our kernels take them and as plain matrices in float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from inference.kernels.moe.layer import Experts
from inference.kernels.moe.tiles import (
    GROUP,
    ExpertMatrix,
    fp8_matrix,
    int4_matrix,
    interleaved,
    plain_matrix,
)

FORMS = ("int4", "int4-zeros", "fp8-row", "fp8-group", "fp8-block", "plain")
_BLOCK = 128  # rows that share a scale in fp8-block
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True, slots=True)
class Layer:
    """`w13` (E, 2I, H) and `w2` (E, H, I) are what the experts' tiles stand for."""

    experts: Experts
    w13: torch.Tensor
    w2: torch.Tensor


def random_layer(
    form: str,
    experts: int,
    hidden: int,
    inner: int,
    dtype: torch.dtype,
    seed: int = 0,
    size: float = 1.0,
) -> Layer:
    """`form`: one of FORMS. `size`: what the scales, or plain weights, are multiplied by."""
    generator = torch.Generator().manual_seed(seed)
    shape = experts, 2 * inner, hidden
    w13, whole13 = _matrix(form, shape, dtype, generator, size, gate_up=True)
    w2, whole2 = _matrix(form, (experts, hidden, inner), dtype, generator, size)
    return Layer(Experts(w13, w2, inner), whole13, whole2)


def _matrix(
    form: str,
    shape: Sequence[int],
    dtype: torch.dtype,
    generator: torch.Generator,
    larger: float,
    *,
    gate_up: bool = False,
) -> tuple[ExpertMatrix, torch.Tensor]:
    e, n, k = shape
    rows = interleaved if gate_up else _as_they_are
    groups = -(-k // GROUP)
    size = k**-0.5 * larger
    if form == "plain":
        weights = (torch.randn(e, n, k, generator=generator) * size).to(dtype)
        return plain_matrix(rows(weights).to(DEVICE)), weights.double()
    scales = (torch.rand(e, n, groups, generator=generator) + 0.5) * size
    if form == "fp8-block":
        weights = torch.randn(e, n, k, generator=generator).to(torch.float8_e4m3fn)
        given = scales[:, : -(-n // _BLOCK)].contiguous()
        matrix = fp8_matrix(
            weights.to(DEVICE), given.to(DEVICE), block=(_BLOCK, GROUP), pairs=gate_up
        )
        over = given.repeat_interleave(_BLOCK, dim=1)[:, :n]
        return matrix, weights.double() * _over_columns(over, k)
    if form.startswith("fp8"):
        weights = torch.randn(e, n, k, generator=generator).to(torch.float8_e4m3fn)
        if form == "fp8-row":
            scales = scales[:, :, :1].expand(-1, -1, groups).contiguous()
        raw = rows(weights.view(torch.uint8)).view(torch.float8_e4m3fn)
        matrix = fp8_matrix(raw.to(DEVICE), rows(scales).to(DEVICE))
        return matrix, weights.double() * _over_columns(scales, k)
    codes = torch.randint(0, 16, (e, n, k), generator=generator)
    scales = (scales / 4).bfloat16().float()
    if form == "int4":
        matrix = int4_matrix(rows(codes).to(DEVICE), rows(scales).to(DEVICE))
        return matrix, (codes - 8).double() * _over_columns(scales, k)
    zeros = torch.randint(0, 16, (e, n, groups), generator=generator)
    matrix = int4_matrix(*(rows(one).to(DEVICE) for one in (codes, scales, zeros)))
    return matrix, (codes - _over_columns(zeros, k)).double() * _over_columns(scales, k)


def _as_they_are(rows: torch.Tensor) -> torch.Tensor:
    return rows


def _over_columns(per_group: torch.Tensor, columns: int) -> torch.Tensor:
    return per_group.double().repeat_interleave(GROUP, dim=2)[:, :, :columns]


def tokens(count: int, hidden: int, dtype: torch.dtype, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, hidden, generator=generator).to(dtype).to(DEVICE)


def uniform(count: int, experts: int, seed: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, experts, (count, 1), generator=generator).to(DEVICE)


def scores(count: int, seed: int = 3) -> torch.Tensor:
    """The router's weights, far from 1 and from each other."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(count, 1, generator=generator) * 0.9 + 0.05).to(DEVICE)
