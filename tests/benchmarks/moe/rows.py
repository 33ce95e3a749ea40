"""The table: one row for each provider and question, as a CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tests.benchmarks.moe.card import Card

COPY = "copy"  # the provider that moves the same bytes and computes nothing
WRONG = 2e-2  # ‖found − naive‖ / ‖naive‖ in bf16; with the router's weight twice it is about 0.5


@dataclass(frozen=True, slots=True)
class Row:
    """Times in microseconds; None where there is none, and then `why_not` has the reason.

    experts_met      by these tokens
    roof_us          the larger of a copy of the same layer's bytes in int4, and its operations at
                     the tensor cores' measured peak
    bytes            that this provider must move at least, in its form
    share_bandwidth  of the large copy's bandwidth, by those bytes
    share_tensor     of the tensor cores' measured peak
    error            against the naive layer in float32
    copy_gbs, peak_tflops  what the shares are of: measured on the same card, at the same time
    """

    layer: str
    routing: str
    provider: str
    form: str
    tokens: int
    experts_met: int
    p20_us: float | None
    p50_us: float | None
    p80_us: float | None
    roof_us: float
    bytes: int
    share_bandwidth: float | None
    share_tensor: float | None
    error: float | None
    why_not: str
    copy_gbs: float
    peak_tflops: float
    card: Card

    @property
    def label(self) -> str:
        return f"{self.provider} {self.form}"

    @property
    def wrong(self) -> bool:
        return self.error is not None and not self.error < WRONG  # NaN is wrong, too

    @property
    def line(self) -> str:
        """For people who watch."""
        who = f"{self.layer:<8} {self.routing:<7} {self.label:<18} {self.tokens:>5} tokens"
        if self.p50_us is None:
            return f"{who}  not there: {self.why_not}"
        told = f"{who}  {self.p50_us:>10,.1f} µs"
        if self.share_bandwidth is not None:
            told += f"  {self.share_bandwidth:>6.1%} of the bandwidth"
        return f"{told}  WRONG: error {self.error:.1e}" if self.wrong else told


def absences(rows: Sequence[Row]) -> list[str]:
    """Who has no time, for which layers, and why; each said once."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.p50_us is None:
            layers = found.setdefault((row.label, row.why_not), [])
            layers.extend([row.layer] if row.layer not in layers else [])
    return [f"{who} ({', '.join(layers)}): {why}" for (who, why), layers in found.items()]


def write_csv(file: Path, rows: Sequence[Row]) -> None:
    """Whole or not at all, since it may be broken off."""
    beside = file.with_suffix(".new")
    with beside.open("w", newline="") as out:
        writer = csv.DictWriter(out, _columns(), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            cells = asdict(row)
            cells.update(cells.pop("card"))
            writer.writerow({name: _cell(value) for name, value in cells.items()})
    beside.replace(file)


def read_csv(file: Path) -> list[Row]:
    if not file.exists():
        return []
    with file.open(newline="") as given:
        return [_row(cells) for cells in csv.DictReader(given)]


def _columns() -> list[str]:
    own = [one.name for one in fields(Row) if one.name != "card"]
    return own + [one.name for one in fields(Card)]


def _cell(value: object) -> object:
    """Six digits are more than any clock has."""
    return f"{value:.6g}" if isinstance(value, float) else value


def _row(cells: dict[str, str]) -> Row:
    own = {one.name: _value(one.type, cells[one.name]) for one in fields(Row) if one.name != "card"}
    return Row(card=Card(**{one.name: cells[one.name] for one in fields(Card)}), **own)


def _value(kind: object, cell: str) -> object:
    if kind == "str":
        return cell
    if kind == "int":
        return int(cell)
    return float(cell) if cell else None
