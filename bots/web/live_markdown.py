"""A growing reply as HTML, of which only what changed is rendered and sent."""

from __future__ import annotations

from dataclasses import dataclass

from bots.web.markdown import MarkdownPage


@dataclass(frozen=True, slots=True)
class Change:
    """Turns the blocks that the page holds into the present ones.

    Of block `first` keep `keep` characters (UTF-16 units, as JavaScript counts) of its HTML and
    append `added[0]`; `added[1:]` are the blocks after it; whatever followed is dropped.
    """

    first: int
    keep: int
    added: list[str]


class LiveMarkdown:
    """Blocks whose end was seen are never parsed again: a block is over once another one began on
    a complete line, since Markdown is read line by line and reopens nothing."""

    def __init__(self, page: MarkdownPage) -> None:
        self._page = page
        self._text = ""
        self._over: list[str] = []  # the HTML of blocks that are over ...
        self._tail = 0  # ... and where the text after them begins
        self._shown: list[str] = []

    def show(self, text: str) -> Change | None:
        """The change towards `text`, or None when nothing changes."""
        text = _lines(text.removesuffix("\r"))  # which may be half of a line's end
        if not text.startswith(self._text):
            self._text, self._over, self._tail = "", [], 0
        if "\n" in text[len(self._text) :] or not self._text:
            self._finish_blocks(text)
        self._text = text
        return self._change(self._over + self._page.html(text[self._tail :]))

    def finish(self, text: str) -> Change | None:
        """The change towards the whole reply, read as one (a link's address may come last)."""
        return self._change(self._page.html(_lines(text)))

    def _finish_blocks(self, text: str) -> None:
        complete = text[self._tail : text.rfind("\n") + 1]
        blocks = self._page.blocks(complete)
        if len(blocks) < 2:
            return
        self._over += [block.html for block in blocks[:-1]]
        self._tail += _line_offset(complete, blocks[-1].line)

    def _change(self, blocks: list[str]) -> Change | None:
        shown, self._shown = self._shown, blocks
        first = 0
        while first < len(shown) and first < len(blocks) and shown[first] == blocks[first]:
            first += 1
        if first == len(shown) == len(blocks):
            return None
        if first >= len(shown) or first >= len(blocks):
            return Change(first, 0, blocks[first:])
        kept = _common_length(shown[first], blocks[first])
        added = [blocks[first][kept:], *blocks[first + 1 :]]
        return Change(first, len(blocks[first][:kept].encode("utf-16-le")) // 2, added)


def _common_length(one: str, other: str) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one.startswith(other[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return low


def _lines(text: str) -> str:
    """As the Markdown is read: a lone CR ends a line as well."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _line_offset(text: str, line: int) -> int:
    offset = 0
    for _ in range(line):
        offset = text.index("\n", offset) + 1
    return offset
