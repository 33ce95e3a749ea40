"""The pace that the channel asks for keeps clear of the limits that the fake keeps."""

from __future__ import annotations

import pytest

from bots.telegram.channel import PACE
from tests.fakes.telegram.flood import FloodControl, Limits
from tests.fakes.telegram.refusals import Refused


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def calls_taken(chat_id: int, interval: float, calls: int) -> int:
    """How many calls at this interval are taken before the first refusal."""
    clock = Clock()
    flood = FloodControl(Limits(), clock)
    for n in range(calls):
        clock.now = n * interval
        try:
            flood.check(chat_id)
        except Refused:
            return n
    return calls


def test_our_pace_is_never_refused() -> None:
    assert calls_taken(7, PACE.private_interval_seconds, 600) == 600
    assert calls_taken(-100, PACE.group_interval_seconds, 600) == 600
    clock = Clock()
    flood = FloodControl(Limits(), clock)
    for n in range(600):
        clock.now = n / PACE.account_calls + 1e-6 * n
        flood.check(1000 + n)


def test_a_faster_pace_is_refused() -> None:
    assert calls_taken(7, 0.5, 600) < 10
    assert calls_taken(-100, 1.1, 600) == 20


def test_who_goes_on_inside_a_penalty_makes_it_longer() -> None:
    clock = Clock()
    flood = FloodControl(Limits(), clock)
    flood.punish(7, 3)
    waits = []
    for _ in range(3):
        with pytest.raises(Refused) as refused:
            flood.check(7)
        waits.append(refused.value.retry_after)
    assert waits == [6, 12, 24]
    clock.now = 24.0
    flood.check(7)
