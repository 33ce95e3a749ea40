"""Whether a kernel is right: one line for each case, as a CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

BOUND = 1e-2  # ‖found − naive‖ / ‖naive‖ in bf16; with the router's weight twice it is about 0.5
MARLIN, SANITIZER = "Marlin", "compute-sanitizer"
LOST = "not looked at: an earlier case had lost the device"


@dataclass(frozen=True, slots=True)
class Case:
    """`equal_bits`, `in_graph`, `counted`: see tests.kernels.on_card.Found; `clean`: to
    compute-sanitizer; None where it was not asked. `why_not`: what broke, or what it said."""

    what: str
    tokens: int
    error: float | None
    equal_bits: bool | None = None
    in_graph: bool | None = None
    counted: bool | None = None
    clean: bool | None = None
    why_not: str = ""

    @property
    def right(self) -> bool:
        close = self.clean if self.error is None else self.error < BOUND
        return bool(close) and False not in (self.equal_bits, self.in_graph, self.counted)

    @property
    def unknown(self) -> bool:
        """Whether nobody could look: a tool that isn't there, or a device that was lost before."""
        absent = self.what.startswith(SANITIZER) and self.clean is None
        return absent or self.why_not == LOST

    @property
    def matters(self) -> bool:
        """Whether the check fails by it: not by others' kernels, nor by what nobody could see."""
        return not self.unknown and not self.what.startswith(MARLIN)

    @property
    def line(self) -> str:
        if self.why_not:
            return f"{self.what:<16} {self.tokens:>4} tokens  {self.why_not}"
        said = "right" if self.right else "WRONG"
        error = "" if self.error is None else f"error {self.error:.1e}  "
        return (
            f"{self.what:<16} {self.tokens:>4} tokens  {error}equal bits {told(self.equal_bits)}  "
            f"in a graph {told(self.in_graph)}  counted {told(self.counted)}  {said}"
        )


def told(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "-"}[value]


def write_cases(file: Path, cases: Sequence[Case]) -> None:
    """Whole or not at all, since it may be broken off."""
    beside = file.with_suffix(".new")
    with beside.open("w", newline="") as out:
        writer = csv.DictWriter(out, [one.name for one in fields(Case)], lineterminator="\n")
        writer.writeheader()
        for case in cases:
            writer.writerow(
                {
                    name: told(value) if isinstance(value, bool) else value
                    for name, value in asdict(case).items()
                }
            )
    beside.replace(file)


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
                *(known[cells[name]] for name in ("equal_bits", "in_graph", "counted", "clean")),
                cells["why_not"],
            )
            for cells in csv.DictReader(given)
        ]
