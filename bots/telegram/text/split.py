"""Cut a reply into the Markdown of successive Telegram messages. Pure.

A message is full at the first character with which it might be shown too long (`measure`). Where it
is cut depends only on the text up to there (`cut`), so a reply that grows never moves a cut.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from bots.telegram.text.cut import best_cut
from bots.telegram.text.measure import FENCE_UNITS, Measure
from bots.telegram.text.render import TEXT_UNITS

ROOM = TEXT_UNITS - FENCE_UNITS - 32  # what is left is for marks that are closed
_MARKS_ONLY = re.compile(r"[\s`*_~|>#]*")


def split(markdown: str) -> Sequence[str]:
    """Pieces that each render to at most 4096 units. No piece is blank."""
    text = markdown.replace("\r\n", "\n").replace("\r", "\n")
    pieces: list[str] = []
    start, carry = _first_line(text, 0), ""
    while True:
        rest = carry + text[start:]
        full = _full(rest)
        if full is None:
            break
        cut = best_cut(rest[:full], len(carry))
        pieces += _visible(rest[len(carry) : cut.end], rest[: cut.end].rstrip() + cut.closing)
        start += cut.resume - len(carry)
        carry = cut.carry
        if not carry:
            start = _first_line(text, start)
    if carry and _MARKS_ONLY.fullmatch(text, start):
        return pieces or [text.strip()]  # what was carried over has its end right here
    pieces += _visible(text[start:], rest.rstrip())
    return pieces if pieces or not text.strip() else [text.strip()]


def _visible(text: str, piece: str) -> Sequence[str]:
    """The piece, unless there is nothing in it but what was carried over."""
    return [piece] if text.strip() else []


def _full(text: str) -> int | None:
    """Where the shortest beginning ends that may be too long for a message; None: all fits."""
    measure = Measure()
    for start, line in _lines(text):
        if not measure.holds(line[: ROOM + 1], ROOM) or not measure.holds(line, ROOM):
            return start + _too_long(measure, line[: ROOM + 1])
        measure = measure.after(line)
    return None


def _too_long(measure: Measure, line: str) -> int:
    """The length of the line's shortest beginning that has no place."""
    begin, end = 1, 64
    while end < len(line) and measure.holds(line[:end], ROOM):
        begin, end = end, 2 * end
    lengths = range(begin, min(end, len(line)) + 1)
    held = bisect_left(lengths, True, key=lambda length: not measure.holds(line[:length], ROOM))
    return lengths[min(held, len(lengths) - 1)]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Each line with its end, and where it begins; no more are read than are asked for."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield start, text[start:end]
        start = end


def _first_line(text: str, start: int) -> int:
    """The beginning of the first line that isn't blank."""
    found = re.compile(r"(?:[^\S\n]*\n)*").match(text, start)
    return found.end() if found else start
