"""Cut a reply into the Markdown of successive Telegram messages. Pure.

The cut is made over the source, line by line, and every decision depends only on what stands
before the place where the room ran out: so a reply that grows never moves an earlier cut. The room
is counted with an upper bound of the rendered length (`_cost`), because a table or a numbered list
may be shown longer than it was written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from unicodedata import category

from bots.telegram.render import TEXT_UNITS
from bots.telegram.utf16 import head, units

FENCE_UNITS = 40  # a fence longer than this (indent, marks, language) loses its language
ROOM = TEXT_UNITS - 2 * FENCE_UNITS - 16  # what is left is for the closing fence
NEWLINE = 2  # a line may also begin a block, which is shown with a blank line before it

_FENCE = re.compile(r"^\s*(?P<marks>`{3,}|~{3,})(?P<info>[^`]*)$")
_MARKS_ONLY = re.compile(r"^\s*[`~]*\s*$")
_NUMBERED = re.compile(r"^[\s>*+-]*\d+[.)]")


def split(markdown: str) -> Sequence[str]:
    """Pieces that each render to at most 4096 units. No piece is blank."""
    splitter = _Splitter()
    text = markdown.replace("\r\n", "\n").replace("\r", "\n")
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        splitter.add(line)
    return splitter.finish()


@dataclass(slots=True)
class _Splitter:
    pieces: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    costs: list[int] = field(default_factory=list)
    cost: int = 0
    fence: str = ""  # the line that opened the code block we are in
    pause: int = 0  # the last place between two blocks, as an index into `lines`

    def add(self, line: str) -> None:
        while not self._fits(line):
            if not line.strip() and not self.fence:
                self.pause = len(self.lines)
                return  # blank lines between two messages
            line = self._make_room(line)
        self._append(line)

    def finish(self) -> Sequence[str]:
        self._emit(self.lines, "")
        return self.pieces

    def _fits(self, line: str) -> bool:
        if self.fence and self.cost <= ROOM + NEWLINE and _closes_perhaps(line):
            return True  # the room for it is kept free
        return self.cost + _cost(line) <= ROOM

    def _make_room(self, line: str) -> str:
        """Close a piece; what is returned is what is left of `line`."""
        if self.cost < ROOM // 2:
            beginning = _beginning(line, ROOM - self.cost)
            self._append(beginning)
            self._close(len(self.lines))
            return line[len(beginning) :]
        early = sum(self.costs[: self.pause]) < ROOM // 2
        self._close(len(self.lines) if early else self.pause)
        return line

    def _close(self, end: int) -> None:
        rest = self.lines[end:]
        fence = self.fence if not rest else ""  # a pause is never inside a code block
        self._emit(self.lines[:end], fence)
        self.lines, self.costs, self.cost, self.pause = [], [], 0, 0
        self.fence = ""
        if fence:
            self._append(fence)
        for line in rest:
            self._append(line)

    def _append(self, line: str) -> None:
        blank = not line.strip()
        if blank and not self.fence:
            if not self.lines:
                return
            self.pause = len(self.lines) + 1
        self.lines.append(line)
        self.costs.append(_cost(line) + (NEWLINE if line.endswith("\n") else 0))
        self.cost += self.costs[-1]
        self.fence = _fence_after(self.fence, line)

    def _emit(self, lines: Sequence[str], fence: str) -> None:
        text = "".join(lines)
        if not text.strip():
            return
        if fence:
            text = f"{text.rstrip()}\n{_closing(fence)}"
        self.pieces.append(text.rstrip("\n") if fence else text.rstrip())


def _cost(line: str) -> int:
    """At most so many units are shown for this line. Grows with the line."""
    bare = line.rstrip("\r\n")
    if "|" in bare:
        return 3 * units(bare)  # perhaps a table: `table.GROWTH`, and the rule below its header
    return units(bare) + (6 if _NUMBERED.match(bare) else 0)


def _closes_perhaps(line: str) -> bool:
    return units(line) <= FENCE_UNITS and _MARKS_ONLY.match(line) is not None


def _fence_after(fence: str, line: str) -> str:
    found = _FENCE.match(line.rstrip())
    if not found or not line.endswith("\n"):
        return fence
    if not fence:
        return line if units(line) <= FENCE_UNITS else _closing(line)[:FENCE_UNITS] + "\n"
    opened = _FENCE.match(fence.rstrip())
    closes = opened and found["marks"].startswith(opened["marks"]) and not found["info"].strip()
    return "" if closes else fence


def _closing(fence: str) -> str:
    opened = _FENCE.match(fence.rstrip())
    return fence[: opened.end("marks")] if opened else ""


def _beginning(line: str, room: int) -> str:
    """As much of the line as `room` takes, to a white space or at least to a whole character."""
    if _cost(head(line, room)) > room:
        room //= 3  # the most that a unit can cost
    return _whole(line, max(len(head(line, room)), 1))


def _whole(line: str, end: int) -> str:
    space = max(line.rfind(" ", end // 2, end), line.rfind("\t", end // 2, end))
    if space > 0:
        return line[: space + 1]
    start = end
    while 0 < start < len(line) and _joined(line, start):
        start -= 1
    return line[:start] if start > 0 else line[:end]


def _joined(line: str, index: int) -> bool:
    """Whether the characters on both sides of `index` are seen as one."""
    before, after = line[index - 1], line[index]
    if before == "\u200d" or after in "\u200d\ufe0e\ufe0f\u20e3" or category(after)[0] == "M":
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":
        return True  # skin tones, and the tags in a flag
    if not _is_flag_letter(after):
        return False
    letters = 0
    while index > letters and _is_flag_letter(line[index - 1 - letters]):
        letters += 1
    return letters % 2 == 1


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
