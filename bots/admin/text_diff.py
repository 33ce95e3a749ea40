"""What became of a text: its words that stayed, went and came, in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

_WORD = re.compile(r"\s*\S+|\s+$")


@dataclass(frozen=True, slots=True)
class Piece:
    kind: Literal["same", "gone", "new"]
    text: str


def diff(before: str, after: str) -> Sequence[Piece]:
    """The pieces that are not new make up `before`, those that are not gone `after`."""
    return list(_pieces(_WORD.findall(before), _WORD.findall(after)))


def _pieces(before: Sequence[str], after: Sequence[str]) -> Iterator[Piece]:
    for what, first, end, begin, last in SequenceMatcher(None, before, after).get_opcodes():
        if what == "equal":
            yield Piece("same", "".join(before[first:end]))
            continue
        if end > first:
            yield Piece("gone", "".join(before[first:end]))
        if last > begin:
            yield Piece("new", "".join(after[begin:last]))
