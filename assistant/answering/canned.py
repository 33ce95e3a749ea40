"""What is answered without the model: canned answers and blocked topics, found by words.

A phrase is words in a row: "opening hours". One that ends in a star stands for all words that begin
so: "refund*". Case, accents and what stands between words make no difference. A text is compared
word by word and every step is bounded, so no phrase and no text can make it slow: what is written
here is never a pattern of a regular expression.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CANNED, BLOCKED = "canned", "blocked"  # how such a turn's answer ended (`turns.finish_reason`)
STAR = "*"
LEAST_BEGINNING = 2  # characters before a star: one letter would stand for nearly everything
# Scripts that write no spaces: there each character is a word.
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # kana
    (0x3400, 0x9FFF),  # Chinese characters
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
# Accents, and the vowel signs of Arabic: written or not, it is the same word.
_MARKS = ((0x0300, 0x036F), (0x064B, 0x065F), (0x0670, 0x0670))


@dataclass(frozen=True, slots=True)
class Canned:
    """`whole`: the message is the phrase, and doesn't only hold it. `blocks`: the model is never
    told of it. `answer` may be empty where it blocks: then a phrase of each language says it.
    Without an `account_id` it holds wherever people write."""

    id: int
    phrases: tuple[str, ...]
    whole: bool = False
    blocks: bool = False
    answer: str = ""
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Phrase:
    words: tuple[str, ...]
    open: bool  # it ends in a star
    canned: Canned

    def stands_at(self, text: Sequence[str], place: int) -> bool:
        end = place + len(self.words)
        if self.canned.whole and (place, end) != (0, len(text)):
            return False
        *before, last = self.words
        if end > len(text) or list(text[place : end - 1]) != before:
            return False
        return text[end - 1].startswith(last) if self.open else text[end - 1] == last


class Book:
    """All that stand, to be looked through by the first word of each phrase."""

    def __init__(self, canned: Iterable[Canned] = ()) -> None:
        self._by_word: dict[str, list[_Phrase]] = {}
        self._by_beginning: dict[str, list[_Phrase]] = {}
        for one in canned:
            for written in one.phrases:
                words = words_of(written)
                if not words:
                    continue
                phrase = _Phrase(words, is_open(written), one)
                alone = phrase.open and len(words) == 1
                found = self._by_beginning if alone else self._by_word
                found.setdefault(words[0], []).append(phrase)
        self._lengths = sorted({len(one) for one in self._by_beginning})

    def find(self, texts: Iterable[str], account_id: int, *, people: bool) -> Canned | None:
        """What answers this message, by what is written in it: one that blocks before others, then
        the eldest. `people`: it holds here what is meant for all accounts."""
        found = {
            phrase.canned.id: phrase.canned
            for text in texts
            for phrase in self._standing(words_of(text))
            if _holds(phrase.canned, account_id, people)
        }
        return min(found.values(), key=lambda one: (not one.blocks, one.id), default=None)

    def _standing(self, text: Sequence[str]) -> Iterable[_Phrase]:
        for place, word in enumerate(text):
            for phrase in self._beginning_at(word):
                if phrase.stands_at(text, place):
                    yield phrase

    def _beginning_at(self, word: str) -> Iterable[_Phrase]:
        yield from self._by_word.get(word, ())
        for length in self._lengths:
            if length > len(word):
                break
            yield from self._by_beginning.get(word[:length], ())


def _holds(canned: Canned, account_id: int, people: bool) -> bool:
    return people if canned.account_id is None else canned.account_id == account_id


def is_open(phrase: str) -> bool:
    return phrase.rstrip().endswith(STAR)


def words_of(text: str) -> tuple[str, ...]:
    """Its words as they are compared: of one case, without accents."""
    return tuple(unicodedata.normalize("NFKD", text.casefold()).translate(_COMPARED).split())


class _Compared(dict[int, str]):
    """What each character becomes, found out when it first comes: a long text costs little."""

    def __missing__(self, code: int) -> str:
        self[code] = _compared(chr(code))
        return self[code]


_COMPARED = _Compared()


def _compared(character: str) -> str:
    category = unicodedata.category(character)
    if _is_within(character, _MARKS) or category == "Cf":
        return ""  # invisible ones would hide a word
    if not (character.isalnum() or category.startswith("M")):
        return " "
    return f" {character} " if _is_within(character, _UNSPACED) else character


def _is_within(character: str, ranges: Sequence[tuple[int, int]]) -> bool:
    return any(first <= ord(character) <= last for first, last in ranges)
