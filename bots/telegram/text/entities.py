"""Spans of styled text as Telegram's message entities: UTF-16 offsets, and its rules of nesting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from telegram import MessageEntity

LIMIT = 100  # Telegram leaves out what is over it, without a word
# It refuses a message for more bytes of entities than this, as far as their author says.
TOTAL_BYTES = 9000
ENTITY_BYTES = 12
# What is kept where there are more: first what would be lost, then what would look broken.
RANKS = ("text_link", "spoiler", "pre", "blockquote", "expandable_blockquote", "code", "bold")
SOLID = ("code", "pre")
QUOTES = ("blockquote", "expandable_blockquote")


@dataclass(frozen=True, slots=True)
class Style:
    """What one run of text looks like. `kind` is an entity type of Telegram."""

    kind: str
    url: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    style: Style
    start: int  # in characters of the text
    end: int

    @property
    def kind(self) -> str:
        return self.style.kind


def entities(text: str, spans: Sequence[Span]) -> Sequence[MessageEntity]:
    """Sorted, each within the next or apart from it, at most LIMIT."""
    trimmed = (_trim(text, span) for span in _allowed(spans))
    whole = _bounded([span for span in trimmed if span.start < span.end])
    whole.sort(key=lambda span: (span.start, -span.end, _depth(span)))
    offsets = _offsets(text)
    return [_entity(span, offsets) for span in whole]


def _bounded(spans: list[Span]) -> list[Span]:
    """As many as Telegram takes, the more important ones first."""
    sizes = accumulate(
        ENTITY_BYTES + len(span.style.url.encode()) for span in sorted(spans, key=_rank)
    )
    fitting = sum(1 for size in sizes if size <= TOTAL_BYTES)
    return sorted(spans, key=_rank)[: min(fitting, LIMIT)]


def _entity(span: Span, offsets: Sequence[int]) -> MessageEntity:
    return MessageEntity(
        span.kind,
        offsets[span.start],
        offsets[span.end] - offsets[span.start],
        url=span.style.url or None,
        language=span.style.language or None,
    )


def _offsets(text: str) -> Sequence[int]:
    """The offset in UTF-16 units of each character, and of the end."""
    if text.isascii():
        return range(len(text) + 1)
    return [0, *accumulate(2 if character > "\uffff" else 1 for character in text)]


def _allowed(spans: Sequence[Span]) -> Iterator[Span]:
    """Telegram's nesting: nothing but a quote around code, no code or link inside a link."""
    links = _apart(span for span in spans if span.kind == "text_link")
    solid = [span for span in spans if span.kind in SOLID and not _inside(span, links)]
    yield from links
    yield from _apart(solid)
    yield from _apart(span for span in spans if span.kind in QUOTES)
    holes = sorted((span.start, span.end) for span in solid)
    for kind in dict.fromkeys(span.kind for span in spans):
        if kind != "text_link" and kind not in SOLID and kind not in QUOTES:
            for span in _apart(span for span in spans if span.kind == kind):
                yield from _around(span, holes)


def _apart(spans: Iterable[Span]) -> Sequence[Span]:
    """Without those that lie in another one."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def _inside(span: Span, others: Sequence[Span]) -> bool:
    return any(other.start <= span.start and span.end <= other.end for other in others)


def _around(span: Span, holes: Sequence[tuple[int, int]]) -> Iterator[Span]:
    """The parts of a span that no code covers."""
    start = span.start
    for begin, end in holes:
        if begin < span.end and end > start:
            yield replace(span, start=start, end=begin)
            start = end
    yield replace(span, start=start)


def _trim(text: str, span: Span) -> Span:
    """Without white space at its ends, which would be left out; code keeps its indentation, and
    a quote that begins with code begins where that does."""
    start, end = min(span.start, len(text)), min(span.end, len(text))
    inside = text[start:end]
    end -= len(inside) - len(inside.rstrip())
    if (span.kind != "pre" and span.kind not in QUOTES) or not inside.strip():
        start += len(inside) - len(inside.lstrip())
    return replace(span, start=start, end=end)


def _rank(span: Span) -> tuple[int, int]:
    rank = RANKS.index(span.kind) if span.kind in RANKS else len(RANKS)
    return rank, span.start


def _depth(span: Span) -> int:
    """Of spans over the same text: quotes are outermost, code is innermost."""
    return 0 if span.kind in QUOTES else 2 if span.kind in SOLID else 1
