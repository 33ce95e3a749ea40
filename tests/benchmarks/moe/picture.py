"""The picture of a CSV: a panel for each layer and routing, as SVG.

Drawn by hand, since a bare GPU machine need not have a library for it, and so that it follows the
reader's light or dark ground.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tests.benchmarks.moe.palette import style
from tests.benchmarks.moe.panel import HEIGHT, WIDTH, Panel, colours
from tests.benchmarks.moe.rows import COPY, Row, absences

_HEAD, _NOTE, _MARGIN = 112, 18, 20


def picture(rows: Sequence[Row]) -> str:
    """Rows without a time, and wrong ones, are named below."""
    shown = [row for row in rows if row.p50_us is not None and not row.wrong]
    numbers = colours(rows)
    layers = list(dict.fromkeys(row.layer for row in shown))
    routings = list(dict.fromkeys(row.routing for row in shown))
    panels = []
    for down, layer in enumerate(layers):
        for right, routing in enumerate(routings):
            mine = [row for row in shown if (row.layer, row.routing) == (layer, routing)]
            if mine:
                inside = Panel(f"{layer}, {routing} routing", mine, numbers).drawn()
                place = f"{_MARGIN + right * WIDTH} {_HEAD + down * HEIGHT}"
                panels.append(f'<g transform="translate({place})">{inside}</g>')
    return _whole(rows, panels, max(1, len(routings)) * WIDTH, len(layers) * HEIGHT)


def _whole(rows: Sequence[Row], panels: Sequence[str], width: int, height: int) -> str:
    notes = _notes(rows)
    width, bottom = max(width, 640) + 2 * _MARGIN, _HEAD + height
    total = bottom + len(notes) * _NOTE + _MARGIN
    below = "".join(
        f'<text x="{_MARGIN}" y="{bottom + (number + 1) * _NOTE}">{escape(note)}</text>'
        for number, note in enumerate(notes)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" '
        f'width="{width}" height="{total}" role="img">'
        f"<title>The routed experts of one layer, time over tokens</title>"
        f"<style>{style()}</style>"
        f'<rect class="ground" width="{width}" height="{total}"/>'
        f'<text class="title" x="{_MARGIN}" y="34">Time of one layer’s routed experts</text>'
        f"{_lines(_said(rows), 56)}{''.join(panels)}{below}</svg>\n"
    )


def _lines(texts: Sequence[str], top: int) -> str:
    return "".join(
        f'<text x="{_MARGIN}" y="{top + number * _NOTE}">{escape(text)}</text>'
        for number, text in enumerate(texts)
    )


def _said(rows: Sequence[Row]) -> list[str]:
    """What is drawn, and where it was measured."""
    cards = list(dict.fromkeys(row.card.line for row in rows))
    return [
        "Median, with the 20th to 80th percentile. Cold weights, in CUDA graphs.",
        "Roof: the larger of a copy of the same int4 bytes, and the operations at the card’s "
        "measured peak.",
        " | ".join(cards),
    ]


def _notes(rows: Sequence[Row]) -> list[str]:
    """Who isn't there and why, and what was wrong; each said once."""
    absent = [f"No time for {who}." for who in absences(rows)]
    wrong = [
        f"Left out: {row.label} is wrong ({row.layer}, {row.routing}, {row.tokens} tokens: "
        f"error {row.error:.1e})."
        for row in rows
        if row.wrong and row.provider != COPY
    ]
    return [*absent, *wrong]
