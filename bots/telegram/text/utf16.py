"""Telegram counts text in UTF-16 code units: most emoji are two."""

from __future__ import annotations

import re
from unicodedata import normalize

# What Telegram takes out of every text (separators, marks that turn the writing's direction, three
# accents that draw lines over others' text) and what it makes a space of.
_REMOVED = re.compile("[\r\u2028-\u202e\u0333\u033f\u030a]")
_SPACES = re.compile("[\x00-\x09\x0b-\x1f]")
_RING = re.compile("[A-Za-z]\u030a")
# What it counts as nothing: a message of these alone is refused.
_EMPTY = re.compile(
    "[\\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u2000-\u200f\u202e\u202f\u205f-\u206f"
    "\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufffc\U000e0000-\U000e0fff]*"
)
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def units(text: str) -> int:
    return len(text) if text.isascii() else len(text) + len(_ASTRAL.findall(text))


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


def as_sent(text: str) -> str:
    """The text as Telegram would leave it, so that offsets stay right. Tabs are left to the caller.

    An å that was written as two characters is made one first: else its ring would be lost.
    """
    text = _RING.sub(lambda found: normalize("NFC", found[0]), clean(text))
    return _SPACES.sub(lambda found: "\t" if found[0] == "\t" else " ", _REMOVED.sub("", text))


def is_empty(text: str) -> bool:
    """Whether Telegram would find nothing in it."""
    return _EMPTY.fullmatch(text) is not None
