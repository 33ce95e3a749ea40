"""A text that still grows, as it will probably go on: so that nothing jumps when a mark closes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it.token import Token

from bots import markdown
from bots.telegram.text.marks import open_marks
from bots.telegram.text.table import cells

# The last line may be the beginning of a fence, a rule, a list's item or a heading.
_FENCE_BEGUN = re.compile(r"(?:^|\n)[ \t>]*(?:`{1,2}|~{1,2})$")
_BLOCK_BEGUN = re.compile(r"(?:^|\n)[ \t>]*(?:[-*+=_#]{1,6}|\d{1,9}[.)]?)$")
_MARKS_AT_END = re.compile(r"(?:(?<!\\)[*_~`|])+$")
_LINK_BEGUN = re.compile(r"!?\[(?P<text>[^\[\]\n]+)\]\([^()\s]*$")
_HEADER = re.compile(r"(?:^|\n)(?P<header>(?P<prefix>[ \t>]*)\|[^\n|]+\|[^\n]*)(?:\n[ \t>|:\-]*)?$")


def completed(source: str) -> str:
    """The text with what was opened at its end closed, and without what has only begun there."""
    text = source.rstrip(" \t")
    tokens = markdown.blocks(text)
    last = len(tokens) - 1
    while last >= 0 and tokens[last].nesting < 0:
        last -= 1
    if last >= 0 and tokens[last].type == "fence":
        return _FENCE_BEGUN.sub("", text)
    if begun := _FENCE_BEGUN.search(text) or _BLOCK_BEGUN.search(text):
        return text[: begun.start()]
    if last < 0 or tokens[last].type != "inline" or text.endswith("\n\n"):
        return text
    if tokens[last - 1].type in ("th_open", "td_open"):
        return text
    if (table := _HEADER.search(text)) and "|" not in _line_before(text, table.start()):
        return f"{text[: table.end('header')]}\n{_delimiters(table)}"
    start = _line_start(text, tokens[last])
    return text[:start] + _closed(text[start:])


def _closed(paragraph: str) -> str:
    text = _LINK_BEGUN.sub(lambda found: found["text"], paragraph.rstrip())
    text = _MARKS_AT_END.sub("", text).rstrip()
    return text + "".join(reversed(open_marks(text)))


def _line_start(text: str, token: Token) -> int:
    lines: Sequence[int] = token.map or (0, 0)
    return sum(len(line) + 1 for line in text.split("\n", lines[0])[: lines[0]])


def _line_before(text: str, at: int) -> str:
    return text[:at].rsplit("\n", 1)[-1]


def _delimiters(table: re.Match[str]) -> str:
    return table["prefix"] + "|" + "---|" * len(cells(table["header"]))
