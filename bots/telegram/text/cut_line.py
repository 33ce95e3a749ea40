"""Where a line that is too long for a message is cut: at sentences, words, characters. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bots.graphemes import is_boundary, last_boundary

LONGEST_WHOLE = 1000  # characters; what is longer is cut like any other text
# What would begin a block, or might, if a line began with it.
_BLOCK = re.compile(
    r"[-+*](?:\s|$)|#{1,6}(?:\s|$)|>|\d{1,9}(?:[.)](?:\s|$)|[.)]?$)"
    r"|[`~]{2}|[|=:]|(?:[-_*][ \t]*){2}"
)
_WHOLE = re.compile(
    r"!?\[[^\[\]]*\]\([^()\s]*\)|<[a-z][a-z0-9+.\-]*:[^<>\s]*>"
    r"|(?<!`)(?P<run>`+)(?!`).{1,1000}?(?<!`)(?P=run)(?!`)"
    r"|\$\$.{1,1000}?\$\$|\\\(.{1,1000}?\\\)|\\\[.{1,1000}?\\\]|\$\S[^$\n]{0,400}\$"
    r"|\\[(\[][^\n]{0,400}$|&#?\w{1,31};|\\.|!?\[[^\[\]]*(?:\]\S*)?$"
    r"|(?<!`)`+(?!`)[^\n]{0,400}$|<\S*$",
    re.DOTALL | re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!?…][)\]\"'»”’*_]*\s+|[。！？]+\s*")
_WORD = re.compile(r"\s+")


def begins_block(text: str, at: int) -> bool:
    """Whether what stands there would be read as a list, a heading, a table … on a new line."""
    return _BLOCK.match(text[at : at + 200].lstrip("> \t")) is not None


def whole_spans(text: str, start: int, end: int) -> Sequence[tuple[int, int]]:
    """Links, code, formulas and escapes of a paragraph: they are not cut."""
    found = [one.span() for one in _WHOLE.finditer(text, start, end)]
    return [span for span in found if span[1] - span[0] <= LONGEST_WHOLE]


def cut_in_code(text: str, least: int) -> int:
    """After a space near the end, else between two characters."""
    near = len(text) - max(len(text) // 8, 1)
    space = text.rfind(" ", max(near, least), len(text) - 1)
    if space > 0 and is_boundary(text, space + 1):
        return space + 1
    return last_boundary(text, least, len(text) - 1)


def cut_in_text(text: str, begin: int, least: int) -> tuple[int, int]:
    """Where the message ends and where the next one begins: the white space between is left out."""
    spans = whole_spans(text, begin, len(text))
    for kind in (_SENTENCE, _WORD):
        for end in reversed([found.end() for found in kind.finditer(text, least)]):
            if end < len(text) and _apart(text, end, spans) and not begins_block(text, end):
                return end, end
    at = next(_characters(text, least, spans), last_boundary(text, least, len(text) - 1))
    return at, at


def _apart(text: str, at: int, spans: Sequence[tuple[int, int]]) -> bool:
    return is_boundary(text, at) and not any(start < at < end for start, end in spans)


def _characters(text: str, least: int, spans: Sequence[tuple[int, int]]) -> Iterator[int]:
    return (at for at in range(len(text) - 1, least, -1) if _apart(text, at, spans))
