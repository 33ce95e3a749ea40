"""Answers as people see them come into a chat: when text came, and whether all of it stands there.

Times are in seconds, those of one answer all by the same clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import psycopg

from tests.benchmarks.table import Row, Target

ENDED = """
SELECT chat_id, thread_id, extract(epoch FROM finished_at)::float8 FROM turns
JOIN conversations ON conversations.id = conversation_id
WHERE turns.finished_at IS NOT NULL ORDER BY turns.id
"""


@dataclass(frozen=True, slots=True)
class Text:
    """What stood in a message from then on; messages of an answer are numbered."""

    at: float
    message: int
    text: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer. `life`: the first sign of it, of whatever kind."""

    asked: float
    ended: float  # by the model
    life: float
    texts: Sequence[Text]

    def growth(self) -> Iterator[tuple[float, int]]:
        """When text came, and how much of the answer then stood there."""
        lengths: dict[int, int] = {}
        for one in sorted(self.texts, key=lambda one: (one.at, one.message)):
            if one.text in ("", "…"):
                continue
            before = sum(lengths.values())
            lengths[one.message] = len(one.text)
            if sum(lengths.values()) > before:
                yield one.at, sum(lengths.values())

    @property
    def first_text(self) -> float:
        return next(self.growth())[0]

    @property
    def whole(self) -> float:
        return max(at for at, _ in self.growth())

    @property
    def freeze(self) -> float:
        """The longest time in which nothing came, from the first text to the whole; 0 where the
        whole came at once."""
        waits = (later - earlier for (earlier, _), (later, _) in pairwise(self.growth()))
        return max(waits, default=0.0)

    def compare(self, answer: str) -> None:
        """All words, code with its lines whole, in order and once; else RuntimeError."""
        last = {one.message: one.text for one in self.texts}
        shown, given = _words("\n".join(last[number] for number in sorted(last))), _words(answer)
        if shown != given:
            at = next((n for n, pair in enumerate(zip(shown, given)) if len(set(pair)) > 1), -1)  # noqa: B905
            raise RuntimeError(
                f"another text stands there: {shown[at : at + 9]}, not {given[at : at + 9]}"
            )


@dataclass(frozen=True, slots=True)
class Answers:
    """`calls`: requests that were spent on them, by their method; `refused` of them for being too
    many."""

    seen: Sequence[Seen]
    calls: Mapping[str, int]
    refused: int

    def rows(
        self, how: str, targets: Mapping[str, Target], *, life: str, refused: str
    ) -> list[Row]:
        """`life` and `refused`: what the first sign of an answer, and a refusal, are called."""
        measured = {
            life: ("s", [one.life - one.asked for one in self.seen]),
            "to the first text": ("s", [one.first_text - one.asked for one in self.seen]),
            "from the model's end to the whole text": (
                "s",
                [one.whole - one.ended for one in self.seen],
            ),
            "longest freeze": ("s", [one.freeze for one in self.seen]),
            "calls an answer": ("", [sum(self.calls.values()) / len(self.seen)]),
            refused: ("", [float(self.refused)]),
        }
        return [
            Row(f"{how}: {what}", unit, values, targets.get(what))
            for what, (unit, values) in measured.items()
        ]


def together(answers: Sequence[Answers]) -> Answers:
    methods = dict.fromkeys(method for found in answers for method in found.calls)
    return Answers(
        [one for found in answers for one in found.seen],
        {method: sum(found.calls.get(method, 0) for found in answers) for method in methods},
        sum(found.refused for found in answers),
    )


async def ended(postgres: str) -> Mapping[tuple[str, str], float]:
    """When the model last ended, in Unix time, by chat and thread."""
    async with await psycopg.AsyncConnection.connect(postgres) as connection:
        rows: list[Any] = await (await connection.execute(ENDED)).fetchall()
    return {(chat, thread): at for chat, thread, at in rows}


def _words(text: str) -> list[str]:
    """Without the marks that one platform shows and another doesn't."""
    for mark in ("```python", "```", "**"):
        text = text.replace(mark, "")
    return [word for word in text.split() if word != "#"]
