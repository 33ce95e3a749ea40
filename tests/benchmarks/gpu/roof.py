"""What the card does at best, measured on it: the roof that our kernels are held against."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tests.benchmarks.gpu.timing import timed


@dataclass(frozen=True, slots=True)
class Roof:
    """`read`: bytes a second that a plain copy reads and writes; `multiply`: FLOP/s in bf16."""

    bandwidth: float
    multiply: float


def measured_roof(device: str, small: bool) -> Roof:
    size = (1 << 24) if small else (1 << 31)
    source = torch.randint(0, 127, (size,), dtype=torch.int8, device=device)
    target = torch.empty_like(source)
    copy = timed(lambda: target.copy_(source))
    edge = 256 if small else 8192
    left, right = (torch.randn(edge, edge, device=device).bfloat16() for _ in range(2))
    product = torch.empty_like(left)
    multiply = timed(lambda: torch.mm(left, right, out=product))
    return Roof(2 * size / copy.p50, 2 * edge**3 / multiply.p50)
