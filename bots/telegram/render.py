"""The model's Markdown as Telegram shows it: plain text and entities. Pure.

Entities are used because MarkdownV2 breaks on what models write. Nothing visible is lost: what
Telegram can't show as formatting stays in the text as it was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it.token import Token
from telegram import MessageEntity

from bots import markdown
from bots.telegram.entities import Span, Style, entities
from bots.telegram.table import draw
from bots.telegram.utf16 import clean, units

TEXT_UNITS = 4096
SCHEMES = ("http://", "https://", "tg://", "mailto:")
STYLES = {"strong": "bold", "em": "italic", "s": "strikethrough"}
BULLET = "•"
RULE = "———"


@dataclass(frozen=True, slots=True)
class Rendered:
    text: str
    entities: tuple[MessageEntity, ...] = ()


def render(source: str) -> Rendered:
    """Render one message. A blank source gives an empty text; nothing else does.

    Text and entities are within Telegram's bounds when `source` is one of `split`'s pieces.
    """
    source = clean(source)
    page = _Page()
    page.blocks(markdown.parse(source))
    rendered = page.finish()
    if rendered.text and units(rendered.text) <= TEXT_UNITS:
        return rendered
    return Rendered(source.strip())  # nothing but markup so far, or it grew too long


@dataclass(slots=True)
class _Page:
    """Text that grows, and the spans over it."""

    parts: list[str] = field(default_factory=list)
    length: int = 0  # in characters
    spans: list[Span] = field(default_factory=list)
    open: list[tuple[Style, int]] = field(default_factory=list)
    numbers: list[int | None] = field(default_factory=list)  # of each open list; None is bullets
    separator: str = ""

    def blocks(self, tokens: Sequence[Token]) -> None:
        walk = iter(tokens)
        for token in walk:
            self._block(token, walk)

    def _block(self, token: Token, walk: Iterator[Token]) -> None:
        match token.type:
            case "inline":
                self._flush()
                self._inline(token.children or [])
            case "fence" | "code_block":
                self._code_block(token)
            case "hr":
                self._write_block(RULE)
            case "heading_open":
                self._flush()
                self._enter(Style("bold"))
            case "heading_close":
                self._leave("bold")
                self._end_block()
            case "paragraph_close":
                self._end_block()
            case "blockquote_open" | "blockquote_close":
                self._quote(token)
            case "bullet_list_open" | "ordered_list_open":
                self.numbers.append(_first_number(token))
            case "bullet_list_close" | "ordered_list_close":
                self.numbers.pop()
                self._end_block()
            case "list_item_open":
                self._item()
            case "list_item_close":
                self._end_block()
            case "table_open":
                self._table(walk)

    def _item(self) -> None:
        number = self.numbers[-1]
        self._flush()
        # A list that begins on its parent's line ("- - a") goes on there.
        fresh = not self.parts or self.parts[-1].endswith("\n")
        if fresh:
            self._write("  " * (len(self.numbers) - 1))
        self._write(f"{BULLET} " if number is None else f"{number}. ")
        if number is not None:
            self.numbers[-1] = number + 1

    def _quote(self, token: Token) -> None:
        if token.level:  # Telegram has no quote in a quote, and none in a list worth having
            return
        if token.nesting > 0:
            self._flush()
            self._enter(Style("blockquote"))
        else:
            self._leave("blockquote")
            self._end_block()

    def _code_block(self, token: Token) -> None:
        language = token.info.split()[0] if token.info.split() else ""
        self._write_block(token.content.rstrip("\n"), Style("pre", language=language))

    def _table(self, walk: Iterator[Token]) -> None:
        rows: list[list[str]] = []
        for token in walk:
            if token.type == "table_close":
                break
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "inline":
                rows[-1].append(_plain(token.children or []))
        self._write_block(draw(rows), Style("pre"))

    def _inline(self, tokens: Sequence[Token]) -> None:
        targets: list[str] = []  # of open links that Telegram would not take
        for token in tokens:
            match token.type:
                case "text" | "text_special":
                    self._write(token.content)
                case "softbreak" | "hardbreak":
                    self._write("\n")
                case "code_inline":
                    self._styled(token.content, Style("code"))
                case "image":
                    self._image(token)
                case "link_open":
                    targets.append(self._link(str(token.attrs.get("href", ""))))
                case "link_close":
                    self._end_link(targets.pop())
                case _:
                    self._toggle(token)

    def _toggle(self, token: Token) -> None:
        if kind := STYLES.get(token.tag):
            if token.nesting > 0:
                self._enter(Style(kind))
            else:
                self._leave(kind)
        else:
            self._write(token.content)

    def _link(self, target: str) -> str:
        """Open a link; the return value is what `_end_link` has to write out."""
        if not target.lower().startswith(SCHEMES):
            return target
        self._enter(Style("text_link", url=target))
        return ""

    def _end_link(self, target: str) -> None:
        if target:
            self._write(f" ({target})")
        else:
            self._leave("text_link")

    def _image(self, token: Token) -> None:
        target = self._link(str(token.attrs.get("src", "")))
        self._write(_plain(token.children or []) or str(token.attrs.get("src", "")))
        self._end_link(target)

    def _styled(self, text: str, style: Style) -> None:
        self._enter(style)
        self._write(text)
        self._leave(style.kind)

    def _write_block(self, text: str, style: Style | None = None) -> None:
        if self.parts and not self.parts[-1].endswith("\n") and not self.separator:
            self.separator = "\n"  # right after a list's bullet
        self._flush()
        if style is None:
            self._write(text)
        else:
            self._styled(text, style)
        self._end_block()

    def _end_block(self) -> None:
        self.separator = "\n" if self.numbers else "\n\n"

    def _flush(self) -> None:
        if self.parts and self.separator:
            self._write(self.separator)
        self.separator = ""

    def _write(self, text: str) -> None:
        if text:
            self.parts.append(text)
            self.length += len(text)

    def _enter(self, style: Style) -> None:
        self.open.append((style, self.length))

    def _leave(self, kind: str) -> None:
        for index in range(len(self.open) - 1, -1, -1):
            style, start = self.open[index]
            if style.kind == kind:
                del self.open[index]
                self.spans.append(Span(style, start, self.length))
                return

    def finish(self) -> Rendered:
        text = "".join(self.parts)
        kept = text.rstrip()
        cut = len(text) - len(text.lstrip())
        kept = kept[cut:]
        return Rendered(kept, tuple(entities(kept, cut, self.spans)))


def _first_number(token: Token) -> int | None:
    return None if token.type == "bullet_list_open" else int(token.attrs.get("start", 1))


def _plain(tokens: Sequence[Token]) -> str:
    """Inline tokens where no entity can be: links keep their address in brackets."""
    page = _Page()
    page._inline(tokens)
    text = "".join(page.parts)
    for span in sorted(page.spans, key=lambda span: span.end, reverse=True):
        url = span.style.url
        if url and url not in text[span.start : span.end]:
            text = f"{text[: span.end]} ({url}){text[span.end :]}"
    return text.replace("\n", " ").strip()
