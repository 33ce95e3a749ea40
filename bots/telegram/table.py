"""A table as monospaced text, which is how Telegram can show one."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import combining, east_asian_width

GROWTH = 2  # padded at most this many times the bare text: `split` counts on it


def draw(rows: Sequence[Sequence[str]]) -> str:
    """Rows (the first is the header) with columns aligned, or bare where that would be too wide."""
    bare = "\n".join(" | ".join(row) for row in rows)
    padded = _padded(rows)
    return padded if len(padded) <= GROWTH * len(bare) else bare


def _padded(rows: Sequence[Sequence[str]]) -> str:
    columns = max(len(row) for row in rows)
    widths = [max(_width(row[c]) for row in rows if c < len(row)) for c in range(columns)]
    lines = [" | ".join(map(_pad, row, widths)).rstrip() for row in rows]
    lines.insert(1, "-+-".join("-" * width for width in widths))
    return "\n".join(lines)


def _pad(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(text: str) -> int:
    """Columns on a monospaced screen: wide characters take two, accents none."""
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if combining(character):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
