"""Tables as Markdown, which reads as well on a terminal, and their place in a document."""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmarks.table import Row, Table, Target

COLUMNS = ("measured", "unit", "n", "min", "median", "p99", "max", "target", "met")


def rendered(table: Table) -> str:
    lines = _aligned([COLUMNS, *(_cells(row) for row in table.rows)])
    notes = [f"- {note}" for note in table.notes]
    return "\n".join([f"### {table.title}", "", *lines, *([""] if notes else []), *notes])


def _cells(row: Row) -> tuple[str, ...]:
    numbers = (min(row.values), row.median, row.p99, max(row.values))
    target = "" if row.target is None else _target(row.target)
    met = {None: "", True: "yes", False: "**NO**"}[row.met]
    return (row.what, row.unit, str(len(row.values)), *map(_number, numbers), target, met)


def _target(target: Target) -> str:
    of = "" if target.of == "median" else f"{target.of} "
    return f"{of}{target.bound} {target.value:g}"


def _number(value: float | None) -> str:
    """Three figures that mean something; more digits would only look exact."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def replaced(document: str, name: str, section: str) -> str:
    """`document` with the measured section of that name replaced. Raises ValueError: no marks."""
    begin, end = f"<!-- measured: {name} -->", f"<!-- end of {name} -->"
    before, found, rest = document.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"the document has no place for {name}: {begin} … {end}")
    return f"{before}{begin}\n{section}\n{end}{after}"
