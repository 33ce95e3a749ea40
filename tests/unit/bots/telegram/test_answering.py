"""What somebody waits for right now is tried once, and never inside a pause."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from telegram.error import NetworkError, TelegramError

from bots.telegram.answering import Answering
from bots.telegram.request import FloodWait


@dataclass
class Calls:
    """Counts, and fails as it is told."""

    failures: list[TelegramError] = field(default_factory=list)
    made: int = 0

    async def __call__(self) -> None:
        self.made += 1
        if self.failures:
            raise self.failures.pop(0)


async def test_nothing_is_called_inside_a_pause() -> None:
    now = [100.0]
    answering, calls = Answering(lambda: now[0]), Calls([FloodWait(30)])
    for _ in range(5):
        await answering.once(calls)
    assert calls.made == 1
    now[0] = 131.0
    await answering.once(calls)
    assert calls.made == 2


@pytest.mark.parametrize("failure", [NetworkError("gone"), TelegramError("odd")])
async def test_a_call_that_fails_is_left_and_the_next_is_made(failure: TelegramError) -> None:
    answering, calls = Answering(lambda: 100.0), Calls([failure])
    await answering.once(calls)
    assert calls.made == 1
    await answering.once(calls)
    assert calls.made == 2
