"""What an admin types to search, as Postgres looks for it.

Words that must all be there, in whatever order; "a few words" that stand together; -word that must
not be there. A longer word also finds those that begin with it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from assistant.errors import SearchRefused
from assistant.search_text import words

MOST_TERMS = 16
MOST_CHARACTERS = 400
PREFIX_FROM = 4  # characters: what begins with less is nearly everything
_TERM = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')


@dataclass(frozen=True, slots=True)
class Term:
    """Words that stand together; one by itself mostly."""

    words: tuple[str, ...]
    excluded: bool = False

    @property
    def single(self) -> bool:
        return len(self.words) == 1 and not self.excluded


@dataclass(frozen=True, slots=True)
class SearchQuery:
    terms: tuple[Term, ...]

    @property
    def single_words(self) -> Sequence[str]:
        """Those that may have been misspelt."""
        return [term.words[0] for term in self.terms if term.single]

    def tsquery(self, similar: Mapping[str, Sequence[str]] | None = None) -> str:
        """As Postgres reads it. Words are letters and digits alone."""
        return " & ".join(_written(term, similar or {}) for term in self.terms)

    def finds(self, word: str, similar: Collection[str] = ()) -> bool:
        """Whether this (folded) word is one of those that were looked for."""
        return word in similar or any(_is_meant(word, term) for term in self.terms)


def query_of(text: str) -> SearchQuery | None:
    """None where nothing was typed. Raises SearchRefused."""
    if len(text) > MOST_CHARACTERS:
        sentence = f"Search for at most {MOST_CHARACTERS} characters at once."
        raise SearchRefused("too_long", sentence, most=MOST_CHARACTERS)
    terms = [term for found in _TERM.finditer(text) if (term := _term(found)).words]
    if len(terms) > MOST_TERMS:
        sentence = f"Search for at most {MOST_TERMS} words at once."
        raise SearchRefused("too_many", sentence, most=MOST_TERMS)
    if terms and all(term.excluded for term in terms):
        sentence = "Write a word that must be there beside those that must not."
        raise SearchRefused("only_excluded", sentence)
    if not terms and text.strip():
        raise SearchRefused("no_word", "Write a word or a number to search for.")
    return SearchQuery(tuple(terms)) if terms else None


def _term(found: re.Match[str]) -> Term:
    minus, quoted, bare = found.groups()
    typed = bare if quoted is None else quoted
    return Term(tuple(word.text for word in words(typed)), excluded=bool(minus))


def _written(term: Term, similar: Mapping[str, Sequence[str]]) -> str:
    if not term.single:
        together = " <-> ".join(f"'{word}'" for word in term.words)
        return f"!({together})" if term.excluded else f"({together})"
    word = term.words[0]
    either = [_prefix(word), *(f"'{one}'" for one in similar.get(word, ()))]
    return f"({' | '.join(either)})"


def _prefix(word: str) -> str:
    return f"'{word}':*" if len(word) >= PREFIX_FROM else f"'{word}'"


def _is_meant(word: str, term: Term) -> bool:
    if term.excluded:
        return False
    if term.single and len(term.words[0]) >= PREFIX_FROM:
        return word.startswith(term.words[0])
    return word in term.words
