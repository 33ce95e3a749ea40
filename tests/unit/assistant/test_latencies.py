"""Percentiles of what was counted in buckets."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from assistant.insight.cells import GROWTH, LEAST_SECONDS
from assistant.insight.latencies import latency_of

seconds = st.lists(st.floats(LEAST_SECONDS, 3600.0), min_size=1, max_size=300)


def bucket_of(waited: float) -> int:
    return math.floor(math.log(waited / LEAST_SECONDS) / math.log(GROWTH))


@given(seconds)
def test_a_percentile_is_that_of_all_answers_to_five_in_a_hundred(waited: list[float]) -> None:
    histogram: dict[int, int] = {}
    for one in waited:
        histogram[bucket_of(one)] = histogram.get(bucket_of(one), 0) + 1
    found, in_order = latency_of(histogram), sorted(waited)
    assert found.answers == len(waited)
    for share, value in ((0.5, found.p50), (0.9, found.p90), (0.99, found.p99)):
        exact = in_order[math.ceil(share * len(waited)) - 1]
        assert abs(value / exact - 1) < 0.051


def test_of_one_answer_all_percentiles_are_its_time() -> None:
    one = latency_of({70: 1})
    assert one.p50 == one.p90 == one.p99
