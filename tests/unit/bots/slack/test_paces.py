"""The paces that the channel asks for keep clear of the rates that the fake keeps."""

from __future__ import annotations

from random import Random

import pytest

from assistant.channel import Pace
from assistant.outgoing.budget import SECOND, Call, Terms
from assistant.outgoing.local_budget import LocalBudget
from bots.slack import paces
from tests.fakes.slack.rates import RateLimiter, Rates

RESTED, START = -3600 * SECOND, 1000 * SECOND
WAY = SECOND // 12  # the longest from a grant to its arrival

METHODS: dict[str, tuple[Pace, Call]] = {
    "chat.postMessage": (paces.POST, "other"),
    "chat.update": (paces.UPDATE, "final"),
    "chat.startStream": (paces.START, "now"),
    "chat.appendStream": (paces.APPEND, "first"),
    "chat.stopStream": (paces.STOP, "final"),
    "reactions.add": (paces.OTHER, "other"),
}


def arrivals(pace: Pace, call: Call, *, threads: int, calls: int) -> list[int]:
    """So many calls into the threads of one channel, each made as soon as it may be, in the order
    in which they come to Slack."""
    budget, random, terms = LocalBudget(RESTED), Random(calls), Terms.of(pace, "group")
    now, found = START, []
    for number in range(calls):
        name = f"C1:{number % threads}" if pace.by_thread else "C1"
        while wait := budget.ask(name, terms, now, call):
            now += wait
        found.append(now + random.randint(0, WAY))
    return sorted(found)


@pytest.mark.parametrize("method", METHODS)
def test_a_crowd_in_one_channel_is_refused_nothing(method: str) -> None:
    clock, refused = START, 0
    limiter = RateLimiter(Rates(), lambda: clock / SECOND)
    for clock in arrivals(*METHODS[method], threads=100, calls=600):  # noqa: B007
        refused += limiter.retry_after(method, "C1") is not None
    assert refused == 0
