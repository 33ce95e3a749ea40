"""Answers that were generated at once, and their tokens per second. Shared by both sides."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.machine import ROOT

ANSWER_TOKENS = 96
PAGE_CHARACTERS = 2000
# Each wants a longer answer than is allowed, so that all end at the same length.
_SUBJECTS = (
    "Write a long story about a fisherman and the sea.",
    "Explain in detail how a steam engine works.",
    "Tell me the history of Rome, from its beginning to its end.",
    "Write a long letter to a friend about a journey through the mountains.",
    "Explain in detail how plants grow, from the seed to the fruit.",
    "Write a long story about a lost dog that finds its way home.",
    "Write a detailed essay about the history of the printing press.",
    "Explain in detail how a computer works, part by part.",
)


def pages(streams: int, pair: int) -> Sequence[str]:
    """Questions about a page of text, as somebody pastes it; none begins as another does."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")[:PAGE_CHARACTERS]
    return [
        f"This is request {pair}.{number}. Say in a long letter what this is about:\n\n{text}"
        for number in range(streams)
    ]


def prompts(streams: int) -> Sequence[str]:
    """So many, no two of them alike."""
    rounds = -(-streams // len(_SUBJECTS))
    told = [f"This is request {number}. {one}" for number in range(rounds) for one in _SUBJECTS]
    return told[:streams]


@dataclass(frozen=True, slots=True)
class Answer:
    """`first` and `last` are the moments of its first and last token, in seconds."""

    tokens: int
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Batch:
    """Answers to questions that were asked together; `begun` and `ended` as for Answer."""

    answers: Sequence[Answer]
    begun: float
    ended: float

    @property
    def first_token(self) -> float:
        """Seconds from the questions to an answer's first token, the median of the answers."""
        return statistics.median(one.first - self.begun for one in self.answers)

    @property
    def whole_rate(self) -> float:
        """Tokens per second from the first question to the end of the last answer."""
        return sum(one.tokens for one in self.answers) / (self.ended - self.begun)

    @property
    def decode_rate(self) -> float:
        """Tokens per second after each answer's first, from first token to last token."""
        first = min(one.first for one in self.answers)
        last = max(one.last for one in self.answers)
        return sum(one.tokens - 1 for one in self.answers) / (last - first)
