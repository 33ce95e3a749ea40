"""Where a full message is best cut: between blocks, items, lines, sentences, words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from markdown_it.token import Token

from bots import markdown
from bots.telegram.text.cut_line import begins_block, cut_in_code, cut_in_text, whole_spans
from bots.telegram.text.marks import open_marks
from bots.telegram.text.measure import FENCE, Fence, blanked
from bots.telegram.text.render import GOES_ON

HEADER_CHARACTERS = 1000  # a table's header that is longer is not repeated
ENOUGH = 0.5  # of a message: a good place there is better than a worse one later
WORTH = 0.125  # of a message: one that is so short is not ended so that code stays whole
CONTAINER_CHARACTERS = 60  # of lists in lists; deeper ones are not gone on with
_QUOTE = re.compile(r"[ \t>]*>[ \t]?|")
_FENCE_LIKE = re.compile(r"`{3}|~{3}")
_INDENT = re.compile(r"[ \t>]*")
_MARKER = re.compile(r"[ \t]*(?:>[ ]?|(?:[-*+]|\d{1,9}[.)])[ \t]{1,4})")
_NUMBER = re.compile(r"(?P<before>[ \t>]*)(?P<number>\d{1,9})(?P<after>[.)])")


class Rank(IntEnum):
    """Places to cut at, from the best to the worst."""

    BLOCK = 0
    ITEM = 1
    INNER_BLOCK = 2
    BLANK_LINE_OF_CODE = 3
    LINE = 4


@dataclass(frozen=True, slots=True)
class Cut:
    """The piece ends at `end` and with `closing`; the next one is `carry` and what stands from
    `resume` on."""

    end: int
    resume: int
    closing: str = ""
    carry: str = ""


@dataclass(frozen=True, slots=True)
class Full:
    """A full message, whose last character is too much. `carried` characters came with it from
    the message before; `starts` are the lines' beginnings."""

    text: str
    carried: int
    starts: Sequence[int]
    tokens: Sequence[Token]

    @classmethod
    def of(cls, text: str, carried: int) -> Full:
        lines = [found.end() for found in re.finditer("\n", text) if found.end() < len(text)]
        # A block's end is the line after it.
        starts = [0, *lines, *[len(text) + 1] * 2]
        return cls(text, carried, starts, markdown.blocks(text))

    def span(self, token: Token) -> tuple[int, int]:
        begin, end = _lines(token)
        return self.starts[begin], self.starts[min(end, len(self.starts) - 1)]

    def leaf(self, at: int) -> Token | None:
        """The code, table or paragraph that a cut at this place goes through."""
        for token in self.tokens:
            if token.type in ("fence", "table_open", "inline"):
                begin, end = self.span(token)
                if begin < at < end:
                    return token
        return None

    def says(self, at: int) -> bool:
        """Whether a message that ends here says anything new."""
        return self.carried < at < len(self.text) and not self.text[self.carried : at].isspace()


def best_cut(text: str, carried: int) -> Cut:
    """Of a text whose last character doesn't fit; later than the first `carried` characters."""
    full = Full.of(text, carried)
    at = _before_whole(full) or _chosen(full, list(_places(full)), len(text))
    return _between_lines(full, at) if at else _in_line(full)


def _before_whole(full: Full) -> int | None:
    """Before the table or the code that would be cut, if the message isn't almost empty then."""
    tail = full.leaf(len(full.text))
    if tail is None or tail.type == "inline":
        return None
    begin, _ = full.span(tail)
    if not full.says(begin) or (tail.type == "fence" and begin < WORTH * len(full.text)):
        return None
    before = [place for place in _places(full) if place[0] <= begin]
    return _chosen(full, before, begin) or begin


def _chosen(full: Full, places: Sequence[tuple[int, Rank]], end: int) -> int | None:
    """The last of the best places that leave a message full enough."""
    for rank in Rank:
        for at, of in reversed(places):
            if of is rank and at >= ENOUGH * end and full.says(at):
                return at
    return None


def _places(full: Full) -> Iterator[tuple[int, Rank]]:
    """The lines that may begin a message, in order. What leads to the next block (a heading, a
    line with a colon) is not left behind at a message's end."""
    leads, barred = False, -1
    for token in full.tokens:
        if token.nesting < 0:
            leads = leads or token.type == "heading_close"
            continue
        begin = _lines(token)[0]
        if token.type == "inline":
            leads = token.content.endswith(":")
            yield from _lines_of_text(full, token)
        elif not token.type.startswith(("th", "tb", "tr", "td")):
            barred, leads = (begin if leads else barred), False
            if begin != barred:
                yield full.starts[begin], _rank(token)
            if token.type == "fence":
                yield from _lines_of_code(full, token)
            elif token.type == "table_open":
                yield from _rows(full, token)


def _rank(token: Token) -> Rank:
    if token.level == 0:
        return Rank.BLOCK
    return Rank.ITEM if token.type == "list_item_open" else Rank.INNER_BLOCK


def _lines_of_text(full: Full, token: Token) -> Iterator[tuple[int, Rank]]:
    begin, end = _lines(token)
    if end - begin < 2:
        return
    spans = whole_spans(full.text, *full.span(token))
    for line in range(begin + 1, end):
        at = full.starts[line]
        # A line with a bar may be a table's header, whose next line is not yet there.
        bars = "|" in full.text[full.starts[line - 1] : at]
        if not (bars or begins_block(full.text, at) or any(a < at < b for a, b in spans)):
            yield at, Rank.LINE


def _lines_of_code(full: Full, token: Token) -> Iterator[tuple[int, Rank]]:
    begin, end = _lines(token)
    for line in range(begin + 2, end):
        at = full.starts[line]
        if FENCE.match(full.text[at : full.starts[line + 1]].rstrip("\n")):
            continue  # the block's end: the next message would begin with it
        blank = not full.text[full.starts[line - 1] : at].strip("> \t\n")
        yield at, Rank.BLANK_LINE_OF_CODE if blank else Rank.LINE


def _rows(full: Full, token: Token) -> Iterator[tuple[int, Rank]]:
    """From the second row on: a header alone says nothing."""
    begin, end = _lines(token)
    for line in range(begin + 3, end):
        yield full.starts[line], Rank.LINE


def _between_lines(full: Full, at: int) -> Cut:
    leaf = full.leaf(at)
    if leaf is None:
        return _renumbered(full, at)
    if leaf.type == "fence":
        return _in_fence(full, leaf, at)
    begin, _ = full.span(leaf)
    if leaf.type == "table_open":
        header = full.text[begin : full.starts[_lines(leaf)[0] + 2]]
        repeated = _around(full, at) + blanked(header.split("|")[0]) + header[header.find("|") :]
        return Cut(at, at, "", repeated if len(repeated) <= HEADER_CHARACTERS else "")
    return _with_marks(full, begin, at, at)


def _around(full: Full, at: int) -> str:
    """The item of a list that a cut goes through, begun again without its bullet."""
    line = _containers(full, at)
    return f"{line}{GOES_ON}\n{blanked(line).rstrip()}\n" if line else ""


def _containers(full: Full, at: int) -> str:
    """What a line of the items and quotes around a place begins with; "" outside of lists."""
    line, listed = "", False
    for token in full.tokens:
        if token.type in ("list_item_open", "blockquote_open"):
            begin, end = full.span(token)
            marker = _MARKER.match(full.text, begin + len(line)) if begin < at < end else None
            if marker:
                line += marker[0]
                listed = listed or token.type == "list_item_open"
    return line if listed and len(line) <= CONTAINER_CHARACTERS else ""


def _in_line(full: Full) -> Cut:
    """There is no line to end the message with."""
    leaf = full.leaf(len(full.text))
    least = max(full.carried, len(full.text) // 2)
    if leaf is not None and leaf.type == "fence":
        return _in_fence(full, leaf, cut_in_code(full.text, least))
    begin = full.span(leaf)[0] if leaf else 0
    end, resume = cut_in_text(full.text, begin, least)
    return _with_marks(full, begin, end, resume)


def _in_fence(full: Full, token: Token, at: int) -> Cut:
    begin, _ = full.span(token)
    opened = FENCE.match(full.text[begin : full.text.find("\n", begin)])
    fence = Fence(**opened.groupdict()) if opened else Fence("", token.markup, token.info)
    return Cut(at, at, f"\n{fence.closing}", _around(full, at) + fence.opening)


def _with_marks(full: Full, begin: int, end: int, resume: int) -> Cut:
    """What is bold, quoted or an item goes on to be so."""
    marks = open_marks(full.text[begin:end].rstrip())
    if _FENCE_LIKE.search("".join(marks) + full.text[resume : resume + 3]):
        marks = []
    around = _around(full, end)
    line = full.text.rfind("\n", 0, end) + 1
    if resume == line:
        if not marks:
            return Cut(end, resume, "", around)
        resume += len(_prefix(_INDENT, full.text, resume))
    escape = "\\" if not marks and begins_block(full.text, resume) and _mark(full, resume) else ""
    prefix = blanked(_containers(full, end)) or _prefix(_QUOTE, full.text, line)
    carry = f"{around}{prefix}{''.join(marks)}{escape}"
    return Cut(end, resume, "".join(reversed(marks)), carry)


def _mark(full: Full, at: int) -> bool:
    return not full.text[at].isalnum() and full.text[at].isascii()


def _prefix(pattern: re.Pattern[str], text: str, line: int) -> str:
    """What stands before a line's text."""
    found = pattern.match(text, line)
    return found[0] if found else ""


def _renumbered(full: Full, at: int) -> Cut:
    """A list that counts "1. 1. 1." goes on with the number that is shown: it begins with an item
    that isn't."""
    counts: list[int] = []
    item = ""
    for token in full.tokens:
        if token.type in ("ordered_list_open", "bullet_list_open"):
            counts.append(int(token.attrs.get("start", 1)))
        elif token.nesting < 0 and token.type.endswith("list_close"):
            counts.pop()
        elif token.type == "list_item_open":
            written = _NUMBER.match(full.text, at)
            if full.starts[_lines(token)[0]] == at and token.info and written:
                before = counts[-1] - 1
                if int(written["number"]) != counts[-1]:
                    item = f"{written['before']}{before}{written['after']} {GOES_ON}\n"
                return Cut(at, at, "", _around(full, at) + item)
            counts[-1] += 1
    return Cut(at, at, "", _around(full, at))


def _lines(token: Token) -> tuple[int, int]:
    begin, end = token.map or (0, 0)
    return begin, end
