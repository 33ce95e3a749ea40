"""One layer under one routing: time over the number of tokens, both axes logarithmic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tests.benchmarks.moe.palette import LIGHT
from tests.benchmarks.moe.rows import COPY, Row
from tests.benchmarks.moe.scales import Scale, apart, decades, marks

WIDTH, HEIGHT = 640, 400  # of a panel with its labels
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 150, 34, 44
_LABEL = 14  # from one label's line to the next


@dataclass(frozen=True, slots=True)
class Panel:
    """`rows` have times and are right; `colours`: a number for each label."""

    title: str
    rows: Sequence[Row]
    colours: dict[str, int]

    def drawn(self) -> str:
        x, y = self._scales()
        names = list(dict.fromkeys(row.label for row in self.rows if row.provider != COPY))
        lines = [self._line(name, x, y) for name in reversed(names)]  # the first lies on top
        return "".join(
            [
                f'<text class="panel" x="{_LEFT}" y="16">{escape(self.title)}'
                '<tspan class="unit"> · µs</tspan></text>',
                *self._axes(x, y),
                self._roof(x, y),
                *lines,
                *self._labels(names, x, y),
            ]
        )

    def _scales(self) -> tuple[Scale, Scale]:
        tokens = [row.tokens for row in self.rows]
        times = [time for row in self.rows for time in (row.p20_us, row.p80_us, row.roof_us)]
        low, high = decades([time for time in times if time])
        return (
            Scale(min(tokens), max(*tokens, 2 * min(tokens)), _LEFT, WIDTH - _RIGHT),
            Scale(low, high, HEIGHT - _BOTTOM, _TOP),
        )

    def _axes(self, x: Scale, y: Scale) -> list[str]:
        found = []
        for mark in marks(y.low, y.high):
            at, kind = y(mark), "grid" if f"{mark:.0e}".startswith("1") else "minor"
            found.append(f'<path class="{kind}" d="M{x.start:.1f} {at:.1f}H{x.end:.1f}"/>')
            found.append(
                f'<text class="y" text-anchor="end" x="{x.start - 8:.1f}" y="{at + 4:.1f}">'
                f"{_number(mark)}</text>"
            )
        for tokens in sorted({row.tokens for row in self.rows}):
            found.append(
                f'<path class="minor" d="M{x(tokens):.1f} {y.start:.1f}V{y.end:.1f}"/>'
                f'<text class="x" text-anchor="middle" x="{x(tokens):.1f}" '
                f'y="{y.start + 18:.1f}">{tokens}</text>'
            )
        middle = (x.start + x.end) / 2
        name = f'<text text-anchor="middle" x="{middle:.1f}" y="{y.start + 36:.1f}">tokens</text>'
        return [*found, name]

    def _line(self, name: str, x: Scale, y: Scale) -> str:
        mine = sorted((row for row in self.rows if row.label == name), key=lambda row: row.tokens)
        colour = self.colours[name]
        first = " first" if colour == 0 else ""
        points = " ".join(f"{x(row.tokens):.2f},{y(row.p50_us or 1):.2f}" for row in mine)
        spread = "".join(
            f'<path class="spread s{colour}" d="M{x(row.tokens):.2f} {y(row.p20_us or 1):.2f}'
            f'V{y(row.p80_us or 1):.2f}"/>'
            for row in mine
        )
        dots = "".join(
            f'<circle class="dot t{colour}" cx="{x(row.tokens):.2f}" '
            f'cy="{y(row.p50_us or 1):.2f}" r="3.5"><title>{escape(told(row))}</title></circle>'
            for row in mine
        )
        return f'{spread}<polyline class="line s{colour}{first}" points="{points}"/>{dots}'

    def _roof(self, x: Scale, y: Scale) -> str:
        roofs = sorted({row.tokens: row.roof_us for row in self.rows}.items())
        points = " ".join(f"{x(tokens):.2f},{y(roof):.2f}" for tokens, roof in roofs)
        return f'<polyline class="roof" points="{points}"/>'

    def _labels(self, names: Sequence[str], x: Scale, y: Scale) -> list[str]:
        """Each beside the end of its line, moved where they would lie upon one another."""
        last = {row.label: row for row in sorted(self.rows, key=lambda row: row.tokens)}
        roof = max(self.rows, key=lambda row: row.tokens).roof_us
        ends = [y(last[name].p50_us or 1) for name in names] + [y(roof)]
        kinds = [f"label t{self.colours[name]}" for name in names] + ["rooftext"]
        places = apart(ends, _LABEL, HEIGHT - _BOTTOM)
        texts = [*names, "roof"]
        return [
            f'<text class="{kind}" x="{x.end + 10:.1f}" y="{at + 4:.1f}">{escape(text)}</text>'
            for kind, at, text in zip(kinds, places, texts, strict=True)
        ]


def _number(mark: float) -> str:
    return f"{mark:,.0f}" if mark >= 1 else f"{mark:g}"


def told(row: Row) -> str:
    return f"{row.label}, {row.tokens} tokens: {row.p50_us:.6g} µs"


def colours(rows: Sequence[Row]) -> dict[str, int]:
    """By the order in which providers come."""
    names = dict.fromkeys(row.label for row in rows if row.provider != COPY)
    return {name: number % len(LIGHT) for number, name in enumerate(names)}
