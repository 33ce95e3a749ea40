"""How the work is cut, by the number of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cut:
    """One kernel's tile. `rows` of the matrix (a multiple of 64) by `tokens` (16 to 128), `splits`
    of the sum (the down projection alone)."""

    rows: int = 64
    tokens: int = 16
    splits: int = 1
    warps: int = 4
    stages: int = 4


@dataclass(frozen=True, slots=True)
class Tiling:
    """For up to `most_tokens` tokens."""

    most_tokens: int
    gate_up: Cut
    down: Cut


# Chosen by arithmetic, not measured: blocks for all 132 multiprocessors, tiles as small as allowed.
DEFAULT: Sequence[Tiling] = (
    Tiling(16, Cut(64, 16), Cut(64, 16, splits=4)),
    Tiling(64, Cut(64, 16), Cut(64, 16, splits=2)),
    Tiling(256, Cut(64, 32), Cut(64, 32)),
    Tiling(1 << 62, Cut(128, 64, warps=8, stages=3), Cut(128, 64, warps=8, stages=3)),
)


def tiling_for(tokens: int, table: Sequence[Tiling] = DEFAULT) -> Tiling:
    return next(one for one in table if tokens <= one.most_tokens)
