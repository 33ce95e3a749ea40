"""A reply cut into the texts of successive Slack messages.

Each cut depends only on the text before it, so a reply that grows never changes an earlier piece.
A code block that is cut is closed, and opened again with its language in the next piece.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bots.graphemes import is_boundary, last_boundary

# UTF-16 units. Slack takes 12,000 in a markdown block; the room is for what render adds.
PIECE_UNITS = 9_000
_LONGEST_MARK = 16
_LONGEST_LANGUAGE = 32
_OVERHEAD_UNITS = 2 * (_LONGEST_MARK + 1) + _LONGEST_LANGUAGE

_FENCE = re.compile(r"^[ \t]*(`{3,16}|~{3,16})(?![`~])[ \t]*([^\s`]*)[^`\n]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Fence:
    mark: str
    language: str

    @property
    def opening(self) -> str:
        return f"{self.mark}{self.language[:_LONGEST_LANGUAGE]}\n"

    @property
    def closing(self) -> str:
        return f"\n{self.mark}"

    def may_be_closing(self, rest: str) -> bool:
        """The begun end of the block: shown as code, it would have to be taken back."""
        return not rest.strip(" \t").strip(self.mark[0])

    def closed_by(self, line: re.Match[str]) -> bool:
        bare = line[0].strip() == line[1]
        return bare and line[1][0] == self.mark[0] and len(line[1]) >= len(self.mark)


def split(text: str, units: int = PIECE_UNITS) -> list[str]:
    """Pieces of at most `units` UTF-16 units; none for a blank text."""
    pieces: list[str] = []
    start, fence = 0, None
    while start < len(text):
        if fence and (closing := _closing_at(text, start, fence)):
            start, fence = closing.end(), None
            continue
        if fence and text[start - 1] == "\n" and fence.may_be_closing(text[start:]):
            break
        opening = fence.opening if fence else ""
        if utf16_units(text[start:]) + len(opening) <= units:
            end, body, fence = len(text), text[start:], None
        else:
            end = _cut(text, start, units - _OVERHEAD_UNITS)
            body, fence = text[start:end].rstrip("\n"), _open_after(text[start:end], fence)
        if body.strip():
            pieces.append(opening + body + (fence.closing if fence else ""))
        start = end
    return pieces


def closed(text: str) -> str:
    """The text with its last code block ended, as far as it was still open."""
    fence = _open_after(text, None)
    return text + fence.closing if fence else text


def _cut(text: str, start: int, units: int) -> int:
    """The best place to cut in the next `units`: a paragraph, a line, a word, a character."""
    end = start + fitting(text[start : start + units], units)
    middle = start + (end - start) // 2
    for separator in ("\n\n", "\n", " "):
        at = text.rfind(separator, middle, end)
        if at >= 0 and is_boundary(text, at + len(separator)):
            return at + len(separator)
    return last_boundary(text, start, end)


def fitting(window: str, units: int) -> int:
    """How many characters of the window fit into `units`; at least one."""
    used = 0
    for count, char in enumerate(window):
        used += 2 if char > "\uffff" else 1
        if used > units:
            return max(count, 1)
    return len(window)


def _open_after(body: str, fence: _Fence | None) -> _Fence | None:
    """The code block that is open at the end of `body`, where `fence` was open at its start."""
    for line in _FENCE.finditer(body):
        if fence is None:
            fence = _Fence(line[1], line[2])
        elif fence.closed_by(line):
            fence = None
    return fence


def _closing_at(text: str, start: int, fence: _Fence) -> re.Match[str] | None:
    """The fence's own end right at `start`: without this the next piece would be an empty block."""
    line = _FENCE.match(text, start)
    return line if line and fence.closed_by(line) else None


def utf16_units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
