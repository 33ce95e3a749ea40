"""What is read out of two looks at an engine's counters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.engine_reading import (
    LATELY_SECONDS,
    RATE_SECONDS,
    SLOTS,
    EnginePulse,
    EngineReading,
    quantile,
)
from inference.api import EngineStatistics
from inference.statistics import Distribution

BOUNDS = (0.1, 0.2, 0.4)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def looked(*looks: tuple[float, EngineStatistics]) -> EngineReading:
    clock = Clock()
    pulse = EnginePulse(clock)
    for seconds, seen in looks:
        clock.now = 100.0 + seconds
        pulse.take(seen)
    reading = pulse.reading()
    assert reading is not None
    return reading


def test_before_the_first_look_nothing_is_known() -> None:
    assert EnginePulse().reading() is None


def test_tokens_a_second_are_those_of_the_last_ten_seconds() -> None:
    reading = looked(
        (0, EngineStatistics(output_tokens=1_000, prompt_tokens=50_000)),
        (60, EngineStatistics(output_tokens=5_000, prompt_tokens=50_000)),
        (60 + RATE_SECONDS, EngineStatistics(output_tokens=5_900, prompt_tokens=50_100)),
    )
    assert reading.output_tokens_per_second == 90
    assert reading.prompt_tokens_per_second == 10


def test_a_single_look_shows_no_rate() -> None:
    assert looked((0, EngineStatistics(output_tokens=900))).output_tokens_per_second == 0


def test_the_course_of_five_minutes_is_kept_by_slots_of_ten_seconds() -> None:
    looks = [(n * 2.0, EngineStatistics(output_tokens=n * (n > 20) * 20)) for n in range(31)]
    reading = looked(*looks)
    assert len(reading.rates) == SLOTS
    assert reading.rates[:-5] == (0.0,) * (SLOTS - 5)  # before its first look
    assert reading.rates[-1] == reading.output_tokens_per_second == 10.0


def test_what_is_in_flight_is_as_at_the_last_look() -> None:
    seen = EngineStatistics(
        requests_running=9, batch_size=7, requests_waiting=2, kv_cache_usage=0.4
    )
    reading = looked((0, replace(seen, batch_size=1)), (2, seen))
    assert (reading.running, reading.batch_size, reading.waiting) == (9, 7, 2)
    assert reading.kv_cache_usage == 0.4


def test_times_are_of_what_happened_lately_alone() -> None:
    def seen(*counts: int) -> EngineStatistics:
        return EngineStatistics(time_to_first_token=Distribution(BOUNDS, counts, 1.0))

    reading = looked(
        (0, seen(1000, 0, 0, 0)),  # quick ones, an hour ago
        (3600, seen(1000, 0, 0, 0)),
        (3602, seen(1000, 0, 10, 0)),
    )
    assert reading.ttft_p50 == pytest.approx(0.3)


def test_what_is_older_than_lately_is_forgotten_and_the_time_is_still_covered() -> None:
    looks = [(n * 2.0, EngineStatistics(preemptions=n)) for n in range(400)]
    assert looked(*looks).preemptions == LATELY_SECONDS / 2


def test_hits_are_of_the_prefix_cache_else_of_the_prompts() -> None:
    before = EngineStatistics(prefix_cache_queries=100, prefix_cache_hits=100)
    now = replace(before, prefix_cache_queries=300, prefix_cache_hits=150)
    assert looked((0, before), (2, now)).cache_hits == 0.25
    remote = EngineStatistics(prompt_tokens=200, cached_tokens=150)
    assert looked((0, EngineStatistics()), (2, remote)).cache_hits == 0.75
    assert looked((0, EngineStatistics()), (2, EngineStatistics())).cache_hits is None


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ((0, 0, 0, 0), 0.5, None),
        ((4, 0, 0, 0), 0.5, 0.05),
        ((2, 2, 0, 0), 0.5, 0.1),
        ((2, 2, 0, 0), 0.75, 0.15),
        ((0, 0, 4, 0), 0.25, 0.25),
        ((0, 0, 0, 3), 0.95, 0.4),  # above all bounds: at least the last
    ],
)
def test_a_percentile_is_drawn_between_the_bounds(
    counts: tuple[int, ...], share: float, expected: float | None
) -> None:
    found = quantile(Distribution(BOUNDS, counts, 0.0), share)
    assert found == (None if expected is None else pytest.approx(expected))


def test_an_engine_without_a_distribution_has_no_percentile() -> None:
    assert quantile(None, 0.5) is None
