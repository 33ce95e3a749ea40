"""What the card does at best, measured on it: the roof that kernels are held against."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch

from tests.benchmarks.moe.timing import Times, copies, timed


@dataclass(frozen=True, slots=True)
class Roof:
    """`bandwidth`: bytes a second that a large copy reads and writes; `multiply`: FLOP/s of a
    large product in bf16."""

    bandwidth: float
    multiply: float


def measured_roof(device: str) -> Roof:
    large = device == "cuda"
    edge = 8192 if large else 128
    left, right = (torch.randn(edge, edge, device=device).bfloat16() for _ in range(2))
    product = torch.empty_like(left)
    multiply = timed([lambda: torch.mm(left, right, out=product)])
    size = 1 << (32 if large else 22)
    return Roof(size / copied(size, device).p50, 2 * edge**3 / multiply.p50)


def copied(total: int, device: str) -> Times:
    """A plain copy that moves `total` bytes: half of them read, half of them written."""
    half, places = total // 2, copies(total)
    source = torch.randint(-128, 127, (places, half), dtype=torch.int8, device=device)
    target = torch.empty_like(source)
    return timed([partial(target[one].copy_, source[one]) for one in range(places)])
