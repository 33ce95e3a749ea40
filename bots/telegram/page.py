"""A message that is being written: text that grows, and the spans over it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from bots.telegram.text.entities import Span, Style

# Telegram shows three lines of such a quote, and the rest on demand.
LONG_QUOTE = 400


@dataclass(slots=True)
class Page:
    """`separator` is what will stand before the next block, if there is one."""

    parts: list[str] = field(default_factory=list)
    length: int = 0  # in characters
    spans: list[Span] = field(default_factory=list)
    separator: str = ""

    @property
    def fresh(self) -> bool:
        """Whether a new line begins here."""
        return not self.parts or self.parts[-1].endswith("\n")

    def write(self, text: str) -> None:
        if text:
            self.parts.append(text)
            self.length += len(text)

    def begin_block(self) -> None:
        if self.parts:
            self.write(self.separator)
        self.separator = ""

    def begin_line(self) -> None:
        """A block that can't stand behind anything, as a list's bullet."""
        self.begin_block()
        if not self.fresh:
            self.write("\n")

    @contextmanager
    def styled(self, style: Style) -> Iterator[None]:
        start = self.length
        yield
        self.span(style, start)

    def span(self, style: Style, start: int) -> None:
        if start < self.length:
            self.spans.append(Span(style, start, self.length))

    def since(self, start: int) -> str:
        return "".join(self.parts)[start:]

    def finish(self, growing: bool) -> tuple[str, list[Span]]:
        """Text and spans without the white space around. Code keeps its first indentation."""
        text = "".join(self.parts)
        kept = text.rstrip()
        coded = any(span.start == 0 and span.style.kind == "pre" for span in self.spans)
        cut = 0 if coded else len(kept) - len(kept.lstrip())
        spans = [
            replace(span, start=max(span.start - cut, 0), end=span.end - cut)
            for span in self.spans
            if span.end > cut
        ]
        return kept[cut:], [_quoted(span, growing and span.end >= len(text)) for span in spans]


def _quoted(span: Span, growing: bool) -> Span:
    """A long quote folds, but not while it is being read as it comes."""
    if span.kind != "blockquote" or growing or span.end - span.start <= LONG_QUOTE:
        return span
    return replace(span, style=Style("expandable_blockquote"))
