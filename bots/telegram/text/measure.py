"""How much of a message a beginning of Markdown takes at most. Pure, and grows with the text.

The text that is shown depends on what comes later (a mark closes, a column widens), so messages are
cut by a bound from above: whatever follows, what was measured can only grow. That is what keeps a
cut where it is while an answer is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bots.telegram.text.table import BAR, GROWTH, cells, width
from bots.telegram.text.utf16 import units

FENCE_UNITS = 40  # a fence longer than this (indentation, marks, language) is shortened
TAB_UNITS = 4  # as `render` shows a tab in code
NEWLINE = 2  # a line may also begin a block, which is shown with a blank line before it
NUMBER = 6  # a list may be numbered anew
MARKS = 160  # of emphasis and code: two make an entity, and a link is one

_PREFIX = r"^(?P<prefix>[\s>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*[\s>]*)"
FENCE = re.compile(_PREFIX + r"(?P<marks>`{3,}|~{3,})(?P<info>[^`\n]*)$")
_CLOSES_PERHAPS = re.compile(r"^[\s>]*[`~]*\s*$")
_NUMBERED = re.compile(r"^[\s>*+-]*\d+[.)]")
_ROW = re.compile(r"^[\s>]*\|")
_MARK = re.compile(r"\*+|_+|`+|~~|\|\||\\[(\[]|\$+")
_LINK = re.compile(r"\]\(|<[a-z]", re.IGNORECASE)


def blanked(prefix: str) -> str:
    """A line's prefix for the line after it: a list's bullet is not repeated."""
    return re.sub(r"[^\s>]", " ", prefix)


@dataclass(frozen=True, slots=True)
class Fence:
    """A code block that is open: what stands before its marks, and what opened it."""

    prefix: str
    marks: str
    info: str

    @property
    def opening(self) -> str:
        """To open it again."""
        word = self.info.split()[:1]
        room = FENCE_UNITS - len(self.closing)
        return f"{self.closing}{word[0] if word and units(word[0]) <= room else ''}\n"

    @property
    def closing(self) -> str:
        prefix = blanked(self.prefix)
        marks = self.marks[: FENCE_UNITS // 2]
        return f"{prefix if len(prefix) <= FENCE_UNITS // 4 else ''}{marks}"

    def closed_by(self, line: str) -> bool:
        bare = line.strip(" \t>\n")
        return len(bare) >= len(self.marks) and not bare.strip(self.marks[0])


@dataclass(frozen=True, slots=True)
class Bars:
    """Lines with bars: text, or a table as wide as its widest cells."""

    raw: int = 0
    bare: int = 0
    rows: int = 0
    over: int = 0  # units of the cells beyond their width
    widths: tuple[int, ...] = ()

    def after(self, line: str) -> Bars:
        row = cells(line)
        columns = max(len(row), len(self.widths))
        wide = [width(cell) for cell in row] + [0] * (columns - len(row))
        old = [*self.widths, *[0] * (columns - len(self.widths))]
        size = sum(map(units, row))
        return Bars(
            raw=self.raw + units(line) + NEWLINE,
            bare=self.bare + size + BAR * columns + NEWLINE,
            rows=self.rows + 1,
            over=self.over + max(size - sum(wide), 0),
            widths=tuple(map(max, wide, old)),
        )

    @property
    def most(self) -> int:
        padded = (self.rows + 1) * (sum(self.widths) + BAR * len(self.widths)) + self.over
        return max(self.raw, min(padded, GROWTH * self.bare))


@dataclass(frozen=True, slots=True)
class Measure:
    """Of whole lines; the last one may be a beginning."""

    spent: int = 0
    marks: int = 0
    bars: Bars | None = None
    fence: Fence | None = None

    @property
    def total(self) -> int:
        return self.spent + (self.bars.most if self.bars else 0)

    def holds(self, line: str, room: int) -> bool:
        """Whether one more line, or the beginning of one, has a place in `room` units."""
        if self.fence is None and not line.strip():
            return True  # shown as the space between two blocks, or between two messages
        if self.fence and len(line) <= FENCE_UNITS and _CLOSES_PERHAPS.match(line):
            return self.total <= room  # the room for a fence's end is kept free
        after = self.after(line)
        return after.total <= room and after.marks <= MARKS

    def after(self, line: str) -> Measure:
        bare = line.rstrip("\n")
        if self.fence:
            spent = self.spent + units(bare) + 1 + (TAB_UNITS - 1) * bare.count("\t")
            done = line.endswith("\n") and self.fence.closed_by(line)
            return replace(self, spent=spent, fence=None if done else self.fence)
        if not bare.strip():
            return replace(self, spent=self.total, bars=None)
        after = self._with_text(bare)
        opening = FENCE.match(bare) if line.endswith("\n") else None
        if opening:
            return replace(after, spent=after.total, bars=None, fence=Fence(**opening.groupdict()))
        return after

    def _with_text(self, line: str) -> Measure:
        marks = self.marks
        if not _ROW.match(line):  # a table is one entity, whatever is in it
            marks += len(_MARK.findall(line)) + 2 * len(_LINK.findall(line))
        spent = self.spent + (NUMBER if _NUMBERED.match(line) else 0)
        if self.bars or "|" in line:
            return Measure(spent, marks, (self.bars or Bars()).after(line))
        return Measure(spent + units(line) + NEWLINE, marks)
