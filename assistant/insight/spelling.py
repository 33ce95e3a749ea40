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
        found: dict[str, list[tuple[int, int, str]]] = {word: [] for word in asked}
        for row in await self.database.rows(LIKE, values):
            far = distance(row.typed, row.word, allowed(row.typed))
            if far is not None:
                found[row.typed].append((far, -row.entries, row.word))
        return {
            typed: [word for _, _, word in sorted(near)[:MOST_VARIANTS]]
            for typed, near in found.items()
        }


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
