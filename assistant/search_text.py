"""The words of a text, as search has them: without case, accents or punctuation.

The same for what is stored and for what is looked for, whatever the database's own locale is.
Chinese and Japanese are written without spaces: there each character is a word, and what was typed
together is looked for together.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LONGEST_WORD = 64  # characters; what is longer is cut, also where it is looked for
MOST_WORDS = 16_000  # of one entry: Postgres counts positions no further
MOST_POSITIONS = 64  # of one word in an entry
MOST_BYTES = 400_000  # of an entry's words; Postgres takes a megabyte
APART = 10  # positions between two texts: no phrase goes across

_EACH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_MARKS = "\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u3099\u309a"
# Scripts whose vowel signs Python doesn't count to the letters.
_WHOLE = "\u0900-\u0963\u0966-\u0e3a\u0e40-\u0e4e\u0e50-\u0eff"
_WORD = re.compile(rf"[{_EACH}]|(?:(?![{_EACH}])(?:[^\W_]|[{_WHOLE}])[{_MARKS}]*)+")
_TATWEEL = "\u0640"  # makes an Arabic word longer, and says nothing
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Word:
    """`text` is folded; `start` and `end` are where it stands in the text as it was written."""

    text: str
    start: int
    end: int


def words(text: str) -> Iterator[Word]:
    for found in _WORD.finditer(text):
        folded = fold(found[0])
        if folded:
            yield Word(folded, found.start(), found.end())


def fold(word: str) -> str:
    """Without case and accents, and of letters and digits alone."""
    if word.isascii():
        return word.lower()[:LONGEST_WORD]
    apart = unicodedata.normalize("NFKD", word.casefold())
    kept = (one for one in apart if not unicodedata.combining(one) and _counts(one))
    return unicodedata.normalize("NFC", "".join(kept))[:LONGEST_WORD]


def _counts(character: str) -> bool:
    if character == _TATWEEL:
        return False
    return character.isalnum() or unicodedata.category(character).startswith("M")


def each_is_a_word(text: str) -> bool:
    """Of a script without spaces."""
    return re.fullmatch(rf"[{_EACH}]+", text) is not None


def spelling(word: str) -> str:
    """A folded word in ASCII, so that trigrams are made of it in each locale. Other words may have
    the same; who compares looks at the words themselves."""
    if word.isascii():
        return word
    return "".join(one if one.isascii() else _LETTERS[ord(one) % len(_LETTERS)] for one in word)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is entered of texts that belong together: a tsvector as Postgres reads it, and its
    words, each once."""

    vector: str
    words: frozenset[str]


def entry_of(texts: Iterable[str]) -> Entry:
    places: dict[str, list[int]] = {}
    position, room = 1, MOST_BYTES
    for text in texts:
        for word in words(text):
            if position > MOST_WORDS or room < 0:
                break
            if word.text not in places:
                room -= len(word.text.encode())
            found = places.setdefault(word.text, [])
            if len(found) < MOST_POSITIONS:
                found.append(position)
            position += 1
        position += APART
    # Of letters and digits alone: nothing in a word has a meaning there.
    vector = " ".join(f"'{word}':{','.join(map(str, at))}" for word, at in places.items())
    return Entry(vector, frozenset(places))
