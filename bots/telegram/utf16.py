"""Telegram counts text in UTF-16 code units: most emoji are two."""

from __future__ import annotations


def units(text: str) -> int:
    return len(text) + sum(1 for character in text if character > "\uffff")


def part(text: str, offset: int, length: int) -> str:
    """The text from `offset` for `length` units. Half a surrogate pair becomes U+FFFD."""
    coded = text.encode("utf-16-le", "surrogatepass")
    return coded[2 * offset : 2 * (offset + length)].decode("utf-16-le", "replace")


def head(text: str, room: int) -> str:
    """The longest beginning of at most `room` units that ends on a whole code point."""
    used = 0
    for index, character in enumerate(text):
        used += 2 if character > "\uffff" else 1
        if used > room:
            return text[:index]
    return text


def clean(text: str) -> str:
    """Text that every UTF-8 reader and Postgres can take. The count of units stays the same."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\x00", "\ufffd")
