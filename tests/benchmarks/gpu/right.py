"""Whether our kernels are right on this card: against the naive layer, in graphs, and twice; for
every format, and for every way to start and to route."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.kernels.layers import FORMS
from tests.kernels.on_card import TOOLS, VARIANTS, case, examine, sanitizer_s_word

BOUND = 1e-2  # ‖ours − naive‖ / ‖naive‖ in bf16; with the weight twice it is about 0.5


@dataclass(frozen=True, slots=True)
class Case:
    """`form`: the weights' format, or how kernels start and tokens are found. See
    `tests.kernels.on_card.Found`."""

    form: str
    tokens: int
    error: float
    repeatable: bool
    in_graph: bool
    counted: bool

    @property
    def right(self) -> bool:
        return self.error < BOUND and self.repeatable and self.in_graph and self.counted


def cases(small: bool) -> list[Case]:
    counts = (1, 7) if small else (1, 7, 63, 512)
    found = [_case(form, form, count, small) for form in FORMS for count in counts]
    return found + [_case(name, "int4", count, small) for name in VARIANTS for count in counts[:3]]


def _case(name: str, form: str, count: int, small: bool) -> Case:
    found = examine(case(form, count, VARIANTS.get(name), large=not small))
    return Case(name, count, found.error, found.repeatable, found.in_graph, found.counted)


def sanitized() -> Mapping[str, str]:
    """What compute-sanitizer says, by tool: "clean", "not here", or what it found."""
    return {tool: sanitizer_s_word(tool) for tool in TOOLS}
