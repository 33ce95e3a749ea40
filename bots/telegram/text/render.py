"""The model's Markdown as Telegram shows it: plain text and entities. Pure.

Entities are used because MarkdownV2 breaks on what models write. Nothing visible is lost: what
Telegram can't show as formatting stays in the text as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it.token import Token
from telegram import MessageEntity

from bots import markdown
from bots.telegram.growing import completed
from bots.telegram.inline import Inline, plain
from bots.telegram.page import Page
from bots.telegram.text.entities import Style, entities
from bots.telegram.text.table import cells, draw
from bots.telegram.text.utf16 import as_sent, head, is_empty, units

TEXT_UNITS = 4096
BULLET = "•"
TASKS = {" ": "☐", "x": "☑", "X": "☑"}
RULE = "———"
# Alone in an item of a list: it goes on from the message before, and has no bullet here.
GOES_ON = "\u2060"
TAB = " " * 4  # Telegram makes one space of a tab, which flattens code


@dataclass(frozen=True, slots=True)
class Rendered:
    text: str
    entities: tuple[MessageEntity, ...] = ()


def render(source: str, *, growing: bool = False) -> Rendered:
    """Render one message. Empty is what Telegram would find empty, and what has only begun.

    Text and entities are within Telegram's bounds when `source` is one of `split`'s pieces.
    A text that is still `growing` is shown as if its open marks were closed.
    """
    source = as_sent(source)
    tokens = markdown.parse(completed(source) if growing else source)
    if markdown.too_deep(tokens):
        return _unrendered(source)
    writer = _Writer(source.split("\n"))
    writer.blocks(tokens)
    text, spans = writer.page.finish(growing)
    if is_empty(text):
        return Rendered("") if growing else _unrendered(source)  # only marks so far
    if units(text) > TEXT_UNITS:
        return _unrendered(source)
    return Rendered(text, tuple(entities(text, spans)))


def _unrendered(source: str) -> Rendered:
    text = re.sub(r"\n\s*\n", "\n\n", source.replace("\t", " ")).strip()
    return Rendered("" if is_empty(text) else head(text, TEXT_UNITS).rstrip())


@dataclass(slots=True)
class _Writer:
    """Block tokens, written onto a page."""

    lines: Sequence[str]  # of the source, for what the parser leaves out
    page: Page = field(default_factory=Page)
    numbers: list[int | None] = field(default_factory=list)  # of each open list; None is bullets
    quotes: list[int] = field(default_factory=list)  # where each open quote began; -1: unmarked
    heading: int = 0

    def blocks(self, tokens: Sequence[Token]) -> None:
        walk = iter(tokens)
        for token in walk:
            self._block(token, walk)

    def _block(self, token: Token, walk: Iterator[Token]) -> None:
        match token.type:
            case "inline":
                self._text(token.children or [])
            case "fence":
                self._code(token.content, token.info)
            case "hr":
                self.page.begin_line()
                self.page.write(RULE)
                self._end_block()
            case "heading_open":
                self.page.begin_block()
                self.heading = self.page.length
            case "heading_close":
                self.page.span(Style("bold"), self.heading)
                self._end_block()
            case "paragraph_close" | "list_item_close":
                self._end_block()
            case "blockquote_open":
                self._begin_quote()
            case "blockquote_close":
                self._end_quote()
            case "bullet_list_open" | "ordered_list_open":
                self.numbers.append(_first_number(token))
            case "bullet_list_close" | "ordered_list_close":
                self.numbers.pop()
                self._end_block()
            case "list_item_open":
                self._item()
            case "table_open":
                self._table(walk)

    def _text(self, tokens: Sequence[Token]) -> None:
        page = self.page
        if tokens and tokens[0].content == GOES_ON:
            self.page = Page()
            self.quotes = [0 if start >= 0 else start for start in self.quotes]
            return
        page.begin_block()
        task = re.match(r"\[([ xX])\] +", tokens[0].content) if tokens else None
        if task and page.parts and page.parts[-1] == f"{BULLET} ":
            page.parts[-1] = f"{TASKS[task[1]]} "
            first = tokens[0].copy(content=tokens[0].content[task.end() :])
            tokens = [first, *tokens[1:]]
        Inline(page).write(tokens)

    def _item(self) -> None:
        number = self.numbers[-1]
        self.page.begin_block()
        if self.page.fresh:  # a list that begins on its parent's line ("- - a") goes on there
            self.page.write("  " * (len(self.numbers) - 1))
        self.page.write(f"{BULLET} " if number is None else f"{number}. ")
        if number is not None:
            self.numbers[-1] = number + 1

    def _begin_quote(self) -> None:
        """Telegram has no quote in a quote, and none that begins inside a line."""
        self.page.begin_block()
        marked = self.page.fresh and all(start < 0 for start in self.quotes)
        self.quotes.append(self.page.length if marked else -1)

    def _end_quote(self) -> None:
        start = self.quotes.pop()
        if start >= 0:
            self.page.span(Style("blockquote"), start)
        self._end_block()

    def _code(self, content: str, info: str) -> None:
        code = content.replace("\t", TAB).strip("\n")
        if not code.strip():
            return
        self.page.begin_line()
        with self.page.styled(Style("pre", language=_language(info))):
            self.page.write(code)
        self._end_block()

    def _table(self, walk: Iterator[Token]) -> None:
        rows: list[list[str]] = []
        columns = 0
        for token in walk:
            if token.type == "table_close":
                break
            if token.type == "tr_open":
                rows.append([])
                line = token.map[0] if token.map else -1
            elif token.type == "inline":
                rows[-1].append(plain(token.children or []))
            elif token.type == "tr_close":
                columns = columns or len(rows[0])
                rows[-1] += cells(self.lines[line])[columns:]  # Markdown would drop them
        self.page.begin_line()
        with self.page.styled(Style("pre")):
            self.page.write(draw(rows).strip("\n"))
        self._end_block()

    def _end_block(self) -> None:
        self.page.separator = "\n" if self.numbers else "\n\n"


def _first_number(token: Token) -> int | None:
    return None if token.type == "bullet_list_open" else int(token.attrs.get("start", 1))


def _language(info: str) -> str:
    """The first word behind the fence, as far as it can be a language's name."""
    found = re.match(r"[\w+#.\-]{1,40}", info.strip())
    return found[0] if found else ""
