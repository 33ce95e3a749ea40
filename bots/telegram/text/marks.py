"""The marks of emphasis and code that a beginning of a paragraph leaves open. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MOST = 8
_NEXT = re.compile(
    r"\\.|(?P<code>`+)|(?P<mark>\*+|_+|~~|\|\|)"
    r"|<[a-z][a-z0-9+.\-]*:[^<>\s]*>|\]\([^()\s]*\)",
    re.DOTALL | re.IGNORECASE,
)


def open_marks(text: str) -> Sequence[str]:
    """As they were opened: to be closed in the reverse order."""
    opened: list[str] = []
    at = 0
    while found := _NEXT.search(text, at):
        at = found.end()
        if found["code"]:
            end = _code_end(text, at, found["code"])
            if end < 0:
                return [*opened[:_MOST], found["code"]] if text[at:].strip() else opened[:_MOST]
            at = end
        elif found["mark"]:
            _turn(opened, found["mark"], *_sides(text, found))
    return opened[:_MOST]


def _code_end(text: str, start: int, run: str) -> int:
    closing = re.compile(rf"(?<!`){run}(?!`)").search(text, start)
    return closing.end() if closing else -1


def _sides(text: str, found: re.Match[str]) -> tuple[bool, bool]:
    """Whether these marks can open, and whether they can close."""
    before, after = text[: found.start()][-1:], text[found.end() : found.end() + 1]
    opens = bool(after) and not after.isspace()
    closes = bool(before) and not before.isspace()
    if found[0][0] in "_|":  # these do nothing inside a word
        return opens and not before.isalnum(), closes and not after.isalnum()
    return opens and (after.isalnum() or not before.isalnum()), closes


def _turn(opened: list[str], run: str, opens: bool, closes: bool) -> None:
    left = run
    while left and closes:
        index = _last(opened, left)
        if index < 0:
            break
        left = left[len(opened[index]) :]
        del opened[index:]
    if left and opens and len(left) <= 3:
        opened += ["**", "*"] if left == "***" else ["__", "_"] if left == "___" else [left]


def _last(opened: Sequence[str], run: str) -> int:
    """Where the last mark stands that this run can close."""
    for index in range(len(opened) - 1, -1, -1):
        if opened[index][0] == run[0] and len(opened[index]) <= len(run):
            return index
    return -1
