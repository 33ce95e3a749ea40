"""Whether a kernel is right: one line for each case, as a CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

BOUND = 1e-2  # ‖found − naive‖ / ‖naive‖ in bf16; with the router's weight twice it is about 0.5
MARLIN = "Marlin"


@dataclass(frozen=True, slots=True)
class Case:
    """`equal_bits`, `in_graph`: None where it was not asked; `why_not`: what broke."""

    what: str
    tokens: int
    error: float | None
    equal_bits: bool | None = None
    in_graph: bool | None = None
    why_not: str = ""

    @property
    def right(self) -> bool:
        close = self.error is not None and self.error < BOUND
        return close and self.equal_bits is not False and self.in_graph is not False

    @property
    def ours(self) -> bool:
        return not self.what.startswith(MARLIN)

    @property
    def line(self) -> str:
        if self.why_not:
            return f"{self.what:<12} {self.tokens:>4} tokens  broke: {self.why_not}"
        said = "right" if self.right else "WRONG"
        return (
            f"{self.what:<12} {self.tokens:>4} tokens  error {self.error:.1e}  equal bits "
            f"{told(self.equal_bits)}  in a graph {told(self.in_graph)}  {said}"
        )


def told(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "-"}[value]


def write_cases(file: Path, cases: Sequence[Case]) -> None:
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, [one.name for one in fields(Case)], lineterminator="\n")
        writer.writeheader()
        for case in cases:
            writer.writerow(
                {
                    name: told(value) if isinstance(value, bool) else value
                    for name, value in asdict(case).items()
                }
            )


def read_cases(file: Path) -> list[Case]:
    if not file.exists():
        return []
    known = {"yes": True, "no": False, "": None}
    with file.open(newline="") as given:
        return [
            Case(
                cells["what"],
                int(cells["tokens"]),
                float(cells["error"]) if cells["error"] else None,
                known[cells["equal_bits"]],
                known[cells["in_graph"]],
                cells["why_not"],
            )
            for cells in csv.DictReader(given)
        ]
