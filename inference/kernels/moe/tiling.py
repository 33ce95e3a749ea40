"""How the work is cut, by the number of tokens. `tables.py` finds the table of a card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ANY_NUMBER = 1 << 62  # of tokens: the last entry of every table

_ALLOWED = {
    "rows": (64, 128, 256),
    "tokens": (16, 32, 64, 128),
    "splits": range(1, 65),
    "warps": (4, 8),
    "stages": range(1, 13),
}


@dataclass(frozen=True, slots=True)
class Cut:
    """One kernel's tile: `rows` of the matrix by `tokens`; by `splits` programs that share a sum.
    Raises ValueError: a number that no kernel is made for."""

    rows: int = 64
    tokens: int = 16
    splits: int = 1
    warps: int = 4
    stages: int = 4

    def __post_init__(self) -> None:
        for name, allowed in _ALLOWED.items():
            value = getattr(self, name)
            if type(value) is not int or value not in allowed:
                raise ValueError(f"{name} is {value!r:.40}, not one of {list(allowed)}")
        if self.warps * 16 > self.rows:
            raise ValueError(f"{self.warps} warps need {self.warps * 16} rows, not {self.rows}")


@dataclass(frozen=True, slots=True)
class Tiling:
    """For up to `most_tokens` tokens.

    direct:  each program finds its tokens in `topk_ids` itself, so that nothing is sorted before;
             used where the tokens fit into one tile
    overlap: a kernel is launched while the one before it ends (Hopper and later)
    """

    most_tokens: int
    gate_up: Cut
    down: Cut
    direct: bool = False
    overlap: bool = False

    def __post_init__(self) -> None:
        if self.most_tokens < 1:
            raise ValueError("most_tokens is under 1")

    def routes_directly(self, tokens: int) -> bool:
        return self.direct and tokens <= min(self.gate_up.tokens, self.down.tokens)


# Chosen by arithmetic, not measured: blocks for all 132 multiprocessors, tiles as small as allowed.
DEFAULT: Sequence[Tiling] = (
    Tiling(16, Cut(64, 16), Cut(64, 16, splits=4), direct=True),
    Tiling(64, Cut(64, 16), Cut(64, 16, splits=2)),
    Tiling(256, Cut(64, 32), Cut(64, 32)),
    Tiling(ANY_NUMBER, Cut(128, 64, warps=8, stages=3), Cut(128, 64, warps=8, stages=3)),
)


def tiling_for(tokens: int, table: Sequence[Tiling] = DEFAULT) -> Tiling:
    return next(one for one in table if tokens <= one.most_tokens)
