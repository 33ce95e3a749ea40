"""The sizes of a layer's experts, and what they cost at least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# 128 weights of a row, and the scale (in BF16) that they share.
BYTES_OF_128: Mapping[str, int] = {"int4": 64 + 2, "fp8": 128 + 2, "bf16": 256}


@dataclass(frozen=True, slots=True)
class Shape:
    """One layer: top-1 of `experts`, hidden size, an expert's inner size."""

    name: str
    experts: int
    hidden: int
    inner: int

    def flops(self, tokens: int) -> int:
        return 6 * tokens * self.hidden * self.inner

    def expert_bytes(self, form: str) -> int:
        return 3 * self.hidden * self.inner // 128 * BYTES_OF_128[form]

    def least_bytes(self, form: str, tokens: int, distinct: int) -> int:
        """The experts that are met, each once, and the tokens in and out."""
        return distinct * self.expert_bytes(form) + 4 * tokens * self.hidden


SCOUT = Shape("Scout", 16, 5120, 8192)
MAVERICK = Shape("Maverick", 128, 5120, 8192)
TINY = Shape("tiny", 4, 128, 128)  # to see on a CPU that the benchmark works
SHAPES: Mapping[str, Shape] = {one.name: one for one in (SCOUT, MAVERICK, TINY)}
