"""Many measurements into one CSV and one picture, written anew with every row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.moe.card import this_card
from tests.benchmarks.moe.measuring import Bench
from tests.benchmarks.moe.picture import picture
from tests.benchmarks.moe.providers import Provider, Where, all_providers
from tests.benchmarks.moe.questions import questions
from tests.benchmarks.moe.roof import measured_roof
from tests.benchmarks.moe.rows import Row, read_csv, write_csv
from tests.benchmarks.moe.shapes import SHAPES


@dataclass(frozen=True, slots=True)
class Campaign:
    bench: Bench
    rows: list[Row]
    table: Path
    drawing: Path

    @classmethod
    def begun(
        cls, folder: Path, name: str | None, commit: str | None, *, append: bool, on_the_cpu: bool
    ) -> Campaign:
        """`append`: the rows that stand in the CSV already are kept."""
        card = this_card(commit)
        folder.mkdir(parents=True, exist_ok=True)
        stem = name or f"moe-{card.stem}"
        table = folder / f"{stem}.csv"
        device = "cpu" if on_the_cpu else "cuda"
        print(card.line, flush=True)
        roof = measured_roof(device)
        print(
            f"A copy moves {roof.bandwidth / 1e9:,.1f} GB/s, a product of bf16 "
            f"{roof.multiply / 1e12:,.2f} TFLOP/s.",
            flush=True,
        )
        rows = read_csv(table) if append else []
        return cls(Bench(device, card, roof), rows, table, folder / f"{stem}.svg")

    def measure(
        self,
        layers: Sequence[str],
        routings: Sequence[str],
        counts: Sequence[int],
        providers: Sequence[str] | None,
        where: Where,
    ) -> None:
        """`providers`: by name or label; None: all."""
        chosen = _chosen(all_providers(where), providers)
        for name in layers:
            asked = questions(SHAPES[name], routings, counts, self.bench.device)
            known = {(row.layer, row.routing, row.tokens): row.roof_us / 1e6 for row in self.rows}
            for row in self.bench.rows(asked, chosen, known):
                self._keep(row)

    def _keep(self, row: Row) -> None:
        said = {(one.layer, one.label, one.why_not) for one in self.rows if one.why_not}
        if (row.layer, row.label, row.why_not) not in said:
            print(row.line, flush=True)
        self.rows.append(row)
        write_csv(self.table, self.rows)
        self.drawing.write_text(picture(self.rows))


def _chosen(known: Sequence[Provider], names: Sequence[str] | None) -> list[Provider]:
    """Raises SystemExit: there is none of a name."""
    if names is None:
        return list(known)
    unknown = [one for one in names if not any(one in (it.name, it.label) for it in known)]
    if unknown:
        raise SystemExit(
            f"There is no provider {unknown[0]}: choose of {', '.join(one.label for one in known)}."
        )
    return [one for one in known if one.name in names or one.label in names]
