"""A hundred busy threads of a Slack workspace on a simulated clock, short: `make bench` runs an
hour of them."""

from __future__ import annotations

from collections import Counter

import pytest

from bots.slack import paces
from tests.benchmarks.busy_threads import POST, START_STREAM, Replies, busy, refusals
from tests.benchmarks.simulated import Hour

SECONDS = 300.0


@pytest.fixture
def five_minutes(redis_url: str) -> tuple[Hour, Replies]:
    return busy(redis_url, SECONDS)


def test_slack_refuses_nothing_to_a_hundred_busy_threads(
    five_minutes: tuple[Hour, Replies],
) -> None:
    hour, replies = five_minutes
    assert len(replies.late) > 100
    assert refusals(hour.arrivals) == 0


def test_streams_are_begun_as_often_as_they_may_and_the_others_post(
    five_minutes: tuple[Hour, Replies],
) -> None:
    hour, _ = five_minutes
    begun = Counter(one.method for one in hour.arrivals)
    assert begun[START_STREAM] > 0.8 * paces.START.account_calls * SECONDS / 60 * 0.85
    assert begun[POST] > 0
