"""A piece of a text around the first words that were looked for, with those marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.search_text import Word, words

BEFORE, LONGEST = 60, 240  # characters
LOOKED_AT = 50_000  # as many characters of a text are searched


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    marked: bool = False


def snippet(text: str, finds: Callable[[str], bool]) -> Sequence[Piece]:
    """`finds` says of a folded word whether it is marked. A text without one begins at its start;
    nothing of an empty text."""
    text = text[:LOOKED_AT]
    marked = [word for word in words(text) if finds(word.text)]
    start = _start(text, marked)
    end = min(len(text), start + LONGEST)
    pieces = [Piece("… ")] if start else []
    at = start
    for word in marked:
        if word.start < at or word.end > end:
            continue
        pieces += [Piece(text[at : word.start]), Piece(text[word.start : word.end], True)]
        at = word.end
    pieces += [Piece(text[at:end]), Piece(" …" if end < len(text) else "")]
    return [piece for piece in pieces if piece.text]


def _start(text: str, marked: Sequence[Word]) -> int:
    """Where a word begins, a little before the first that is marked."""
    if not marked or marked[0].start <= BEFORE:
        return 0
    wanted = marked[0].start - BEFORE
    space = text.find(" ", wanted, marked[0].start)
    return wanted if space < 0 else space + 1
