"""The plan beside what the engine says: where they differ by more than a twentieth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from inference.plan.measured import Measured
from inference.plan.planning import Plan, gib

CLOSE = 0.05


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, planned and measured, and how it is shown."""

    name: str
    planned: float
    measured: float
    shown: Callable[[float], str]

    @property
    def off(self) -> float:
        """How far the engine's is from the plan's, as a share of the plan's."""
        return self.measured / self.planned - 1.0 if self.planned else float(self.measured != 0)

    @property
    def differs(self) -> bool:
        return abs(self.off) > CLOSE


@dataclass(frozen=True, slots=True)
class Comparison:
    figures: tuple[Figure, ...]

    @property
    def holds(self) -> bool:
        return not any(one.differs for one in self.figures)

    @property
    def line(self) -> str:
        """For a person: all figures where they hold, else both of each that differs."""
        if self.holds:
            said = ", ".join(f"{one.name} {one.shown(one.measured)}" for one in self.figures)
            return f"The engine is as planned (within {CLOSE:.0%}): {said}."
        said = ", ".join(
            f"{one.name} {one.shown(one.measured)}, planned {one.shown(one.planned)} "
            f"({one.off:+.0%})"
            for one in self.figures
            if one.differs
        )
        return f"The engine differs from its plan: {said}."


def compare(plan: Plan, measured: Measured) -> Comparison:
    block = plan.cache.block_bytes / plan.cache.block_tokens
    return Comparison(
        (
            Figure("weights", plan.weights.card_bytes, measured.weights_bytes, gib),
            Figure("KV cache", plan.cache_bytes, measured.cache_bytes, gib),
            Figure("KV cache of a token", block, measured.cache_token_bytes, _bytes),
            Figure("room for", plan.capacity_tokens, measured.capacity_tokens, _tokens),
            Figure("longest context", plan.max_model_len, measured.max_model_len, _tokens),
        )
    )


def _tokens(count: float) -> str:
    return f"{count:,.0f} tokens"


def _bytes(size: float) -> str:
    return f"{size:,.0f} bytes"
