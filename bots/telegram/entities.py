"""Spans of styled text as Telegram's message entities: UTF-16 offsets, and its rules of nesting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from telegram import MessageEntity

from bots.telegram.utf16 import units


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


def entities(text: str, cut: int, spans: Sequence[Span]) -> Iterator[MessageEntity]:
    """Spans, moved by `cut` characters, as entities with offsets in UTF-16 units."""
    whole = sorted(_allowed(spans), key=lambda span: (span.start, -span.end))
    for span in whole:
        start, end = _trim(text, max(span.start - cut, 0), min(span.end - cut, len(text)))
        if start < end:
            style = span.style
            yield MessageEntity(
                style.kind,
                units(text[:start]),
                units(text[start:end]),
                url=style.url or None,
                language=style.language or None,
            )


def _allowed(spans: Sequence[Span]) -> Iterator[Span]:
    """Telegram's nesting: nothing inside code, and no code inside a link."""
    links = [span for span in spans if span.style.kind == "text_link"]
    solid = [
        span
        for span in spans
        if span.style.kind in ("code", "pre")
        and not any(link.start <= span.start and span.end <= link.end for link in links)
    ]
    for span in spans:
        if span.style.kind in ("code", "pre"):
            if span in solid:
                yield span
        elif span.style.kind in ("text_link", "blockquote"):
            yield span
        else:
            yield from _around(span, solid)


def _around(span: Span, solid: Sequence[Span]) -> Iterator[Span]:
    """The parts of a span that no code covers."""
    start = span.start
    for hole in sorted(solid, key=lambda hole: hole.start):
        if hole.start < span.end and hole.end > start:
            yield Span(span.style, start, hole.start)
            start = hole.end
    yield Span(span.style, start, span.end)


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Without the white space at both ends, which Telegram leaves out of entities."""
    inside = text[start:end]
    return start + len(inside) - len(inside.lstrip()), end - len(inside) + len(inside.rstrip())
