"""Words that were meant: those that are there and are spelt much like the one that was typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assistant.search_text import spelling
from assistant.storage.database import Database

MOST_CANDIDATES = 60  # by trigrams, for each word
MOST_VARIANTS = 6
SHORTEST = 3  # characters; a shorter word is taken as it is

LIKE = """
SELECT given.word AS typed, near.word, near.entries
FROM unnest(CAST(%(words)s AS text[]), CAST(%(spellings)s AS text[])) AS given (word, spelling)
CROSS JOIN LATERAL (
    SELECT word, entries FROM search_words
    WHERE search_words.spelling %% given.spelling AND word <> given.word
    ORDER BY similarity(search_words.spelling, given.spelling) DESC, entries DESC
    LIMIT %(most)s) AS near
"""
# Two letters that changed places leave few trigrams as they were.
SWAPPED = """
SELECT given.typed, search_words.word, entries
FROM unnest(CAST(%(typed)s AS text[]), CAST(%(words)s AS text[])) AS given (typed, word)
JOIN search_words ON search_words.word = given.word
"""


@dataclass(frozen=True, slots=True)
class Spelling:
    database: Database

    async def variants(self, words: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Of each word those that may have been meant, the likeliest first. `words` are folded."""
        asked = [word for word in dict.fromkeys(words) if len(word) >= SHORTEST]
        if not asked:
            return {}
        values = {
            "words": asked,
            "spellings": [spelling(word) for word in asked],
            "most": MOST_CANDIDATES,
        }
        pairs = [(word, one) for word in asked for one in swapped(word)]
        near = [
            *await self.database.rows(LIKE, values),
            *await self.database.rows(
                SWAPPED, {"typed": [one for one, _ in pairs], "words": [one for _, one in pairs]}
            ),
        ]
        found: dict[str, set[tuple[int, int, str]]] = {word: set() for word in asked}
        for row in near:
            far = distance(row.typed, row.word, allowed(row.typed))
            if far is not None:
                found[row.typed].add((far, -row.entries, row.word))
        return {
            typed: [word for _, _, word in sorted(close)[:MOST_VARIANTS]]
            for typed, close in found.items()
        }


def swapped(word: str) -> list[str]:
    """The word with each two neighbours in each other's place."""
    return [
        word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        for at in range(len(word) - 1)
        if word[at] != word[at + 1]
    ]


def allowed(word: str) -> int:
    """How many slips of the finger a word of its length may have."""
    return 1 if len(word) <= 4 else 2 if len(word) <= 8 else 3


def distance(one: str, other: str, most: int) -> int | None:
    """How many letters were left out, added, changed or swapped with their neighbour; None for
    more than `most`."""
    if abs(len(one) - len(other)) > most:
        return None
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, against in enumerate(other, 1):
            cost = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != against))
            swapped = row > 1 and column > 1 and letter == other[column - 2]
            if swapped and one[row - 2] == against:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        if min(line) > most:
            return None
        before, last = last, line
    return last[-1] if last[-1] <= most else None
