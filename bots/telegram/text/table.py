"""A table as monospaced text, which is how Telegram can show one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from unicodedata import category, east_asian_width

GROWTH = 2  # padded at most this many times the bare text: `measure` counts on it
BAR = 3  # " | "

_BARS = re.compile(r"(?<!\\)\|")


def cells(line: str) -> Sequence[str]:
    """The cells of a table's line as Markdown cuts it, not rendered; in a quote, too."""
    parts = [part.strip() for part in _BARS.split(line.lstrip("> \t").rstrip())]
    first = 1 if len(parts) > 1 and not parts[0] else 0
    last = len(parts) - 1 if len(parts) > 1 and not parts[-1] else len(parts)
    return parts[first:last]


def draw(rows: Sequence[Sequence[str]]) -> str:
    """Rows (the first is the header) with columns aligned, or bare where that would be too wide."""
    bare = "\n".join(" | ".join(row) for row in rows)
    padded = _padded(rows)
    return padded if len(padded) <= GROWTH * len(bare) else bare


def _padded(rows: Sequence[Sequence[str]]) -> str:
    columns = max(len(row) for row in rows)
    widths = [max(width(row[c]) for row in rows if c < len(row)) for c in range(columns)]
    lines = [" | ".join(map(_pad, row, widths)).rstrip() for row in rows]
    lines.insert(1, "-+-".join("-" * width for width in widths))
    return "\n".join(lines)


def _pad(cell: str, columns: int) -> str:
    return cell + " " * (columns - width(cell))


def width(text: str) -> int:
    """Columns on a monospaced screen: wide characters take two, accents and joiners none."""
    return len(text) if text.isascii() else sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
