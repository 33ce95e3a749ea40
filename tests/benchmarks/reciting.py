"""Outrider whose engine recites a given answer, at a set pace: what is shown can be compared.

    python -m tests.benchmarks.reciting run

It is `outrider`, settings and all, with this engine in the scripted one's place.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

from bots import app
from bots.settings import load_settings
from bots.stop import Stop
from inference.api import Delta, GenerationRequest
from inference.scripted import ScriptedEngine, id_of, tokens_of
from inference.settings import EngineSettings, ScriptedSettings

LONG = "long"  # the word in a question that asks for the long answer
LONGEST = "handbook"  # and for one that is too long for a message of any platform
REPEAT = "Repeat: "  # behind it stands the answer itself

_SENTENCE = (
    "The tide comes in and goes out twice a day, and who lives by it learns to read the water, "
    "the wind and the light before anything else."
)
_CODE = "\n".join(f"    level[{hour}] = mean + range * sin({hour} * rate)" for hour in range(24))
SHORT_ANSWER = " ".join([_SENTENCE] * 6)[:-1].rsplit(" ", 6)[0] + "."
LONG_ANSWER = "\n\n".join(
    [
        "# Tides",
        *[" ".join([_SENTENCE] * 4)] * 5,
        f"```python\ndef levels(mean, range, rate):\n    level = [0.0] * 24\n{_CODE}\n```",
        *[" ".join([_SENTENCE] * 4)] * 3,
        "And that is **all** of it.",
    ]
)
_TABLE = "\n".join(f"| {hour}:00 | {2 + abs(12 - hour) / 10:g} m |" for hour in range(24))
LONGEST_ANSWER = "\n\n".join(
    ["# Handbook", f"| hour | level |\n|---|---|\n{_TABLE}", LONG_ANSWER, LONG_ANSWER]
)


def recited(question: str) -> str:
    """The short answer to a question that has none of the words."""
    if REPEAT in question:
        return question.partition(REPEAT)[2]
    words = question.split()
    return next((text for word, text in _ANSWERS.items() if word in words), SHORT_ANSWER)


_ANSWERS = {LONG: LONG_ANSWER, LONGEST: LONGEST_ANSWER}


class RecitingEngine(ScriptedEngine):
    """Says what `recited` says to the last message."""

    def __init__(self, settings: ScriptedSettings) -> None:
        super().__init__(settings)
        self._pace = settings

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        begun = asyncio.get_running_loop().time() + self._pace.first_token_seconds
        tokens = tokens_of(recited(request.prompt.messages[-1].content))
        for number, token in enumerate(tokens):
            await self._wait_until(begun + number / self._pace.tokens_per_second)
            yield Delta(token, (id_of(token),))
        yield Delta("", (), "stop", 0, len(tokens))


def _build(chosen: EngineSettings, _: Path) -> RecitingEngine:
    return RecitingEngine(chosen.scripted)


async def main(role: str) -> None:
    settings = load_settings()
    stop = Stop()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, stop.ask)
    # The composition root chooses engines by name, and this one has none.
    app.build_engine = _build  # type: ignore[attr-defined, assignment]
    await app.run(settings, cast("app.Role", role), stop, lambda line: None)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
