"""Markdown answers as Telegram's messages: none refused, no visible character lost, and how fast.

Each answer is cut and rendered as the channel does it, and its messages are held to the rules of
the fake Telegram, without HTTP. Timed is ours alone: cutting and rendering.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, settings

from bots.telegram.text.render import render
from bots.telegram.text.split import split
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.fakes.telegram.refusals import Refused
from tests.support.markdown_answers import Part, answers
from tests.support.model_answers import model_answers
from tests.support.telegram_messages import Broken, check, lost, read

ANSWERS = 10_000
LONG = 200_000  # characters
SPEED = "split and rendered, an answer"


@dataclass(slots=True)
class _Tally:
    seconds: list[float] = field(default_factory=list)
    characters: int = 0
    messages: int = 0
    refused: int = 0
    lost: int = 0

    def take(self, source: str, seen: str) -> None:
        begun = time.perf_counter()
        shown = [render(piece) for piece in split(source)]
        self.seconds.append(time.perf_counter() - begun)
        self.characters += len(source)
        self.messages += len(shown)
        for message in shown:
            try:
                check(message)
            except (Refused, Broken):
                self.refused += 1
        self.lost += lost(seen, shown) != ""

    def rows(self, of: str) -> list[Row]:
        milliseconds = [1000 * second for second in self.seconds]
        return [
            Row(f"{of}: messages refused, or not shown as meant", "", [self.refused], _NONE),
            Row(f"{of}: answers that lost a visible character", "", [self.lost], _NONE),
            Row(f"{of}: {SPEED}", "ms", milliseconds),
            Row(f"{of}: answers", "1/s", [len(self.seconds) / sum(self.seconds)]),
        ]

    def note(self, of: str) -> str:
        each = self.characters // len(self.seconds)
        return (
            f"{of}: {len(self.seconds):,} answers of {each:,} characters on average, "
            f"{self.messages:,} messages"
        )


_NONE = Target("at most", 0)


async def measure(effort: Effort) -> Table:
    generated, real = _Tally(), _Tally()
    _generate(effort.repetitions(ANSWERS, 50), lambda part: generated.take(part.source, part.seen))
    texts = model_answers()
    for text in texts:
        real.take(text, read(text))
    long = [_seconds_for_long("\n\n".join(texts)) for _ in range(effort.repetitions(3))]
    return Table(
        "Markdown in Telegram",
        [
            *generated.rows("generated"),
            *real.rows("a model's"),
            Row(f"{LONG:,} characters of a model's answers, split and rendered", "s", long),
        ],
        [generated.note("generated"), real.note("a model's (the demo model)")],
    )


def _generate(count: int, take: Callable[[Part], None]) -> None:
    @given(answers())
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def each(answer: Part) -> None:
        take(answer)

    each()


def _seconds_for_long(texts: str) -> float:
    source = (texts * (LONG // len(texts) + 1))[:LONG]
    begun = time.perf_counter()
    for piece in split(source):
        render(piece)
    return time.perf_counter() - begun
