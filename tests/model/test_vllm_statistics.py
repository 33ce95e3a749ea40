"""vLLM's own records of a step, as it makes them, become plain numbers."""

from __future__ import annotations

import pytest
from vllm.v1.engine import FinishReason
from vllm.v1.metrics.loggers import StatLoggerManager
from vllm.v1.metrics.stats import (
    IterationStats,
    PrefillStats,
    PrefixCacheStats,
    RequestStateStats,
    SchedulerStats,
)

from inference.vllm_engine.statistics import StepCounts, stat_logger, waited_seconds

pytestmark = pytest.mark.model


def scheduled(running: int, waiting: int = 0, deferred: int = 0) -> SchedulerStats:
    return SchedulerStats(
        num_running_reqs=running,
        num_waiting_reqs=waiting,
        num_skipped_waiting_reqs=deferred,
        kv_cache_usage=0.25,
        prefix_cache_stats=PrefixCacheStats(requests=1, queries=96, hits=64),
    )


def finished() -> IterationStats:
    """A step in which one prompt was read, and one answer ended after four tokens."""
    step = IterationStats()
    prefill = PrefillStats()
    prefill.set(num_prompt_tokens=96, num_local_cached_tokens=64, num_external_cached_tokens=0)
    step.prompt_token_stats.update_from_output(prefill)
    step.time_to_first_tokens_iter.append(0.08)
    step.inter_token_latencies_iter.append(0.012)
    step.num_generation_tokens = 2
    step.num_preempted_reqs = 1
    state = RequestStateStats(num_generation_tokens=4, arrival_time=step.iteration_timestamp - 3)
    state.queued_ts, state.scheduled_ts = 10.0, 10.4
    state.first_token_ts, state.last_token_ts = 10.5, 10.6
    step.update_from_finished_request(FinishReason.STOP, "one", 96, 16, state)
    return step


def counting() -> StepCounts:
    return StepCounts(counting=True)


def test_tokens_cache_batch_and_preemptions_are_passed_through() -> None:
    counts = counting()
    counts.step(scheduled(3, waiting=2, deferred=1), finished())
    seen = counts.statistics(in_flight=6)
    assert (seen.prompt_tokens, seen.cached_tokens, seen.output_tokens) == (96, 64, 2)
    assert (seen.prefix_cache_queries, seen.prefix_cache_hits) == (96, 64)
    assert (seen.batch_size, seen.requests_waiting, seen.requests_running) == (3, 3, 6)
    assert (seen.kv_cache_usage, seen.preemptions, seen.steps) == (0.25, 1, 1)


def test_times_fall_into_their_buckets() -> None:
    counts = counting()
    counts.step(None, finished())
    seen = counts.statistics(in_flight=0)
    sums = {
        "time_to_first_token": 0.08,
        "time_per_output_token": 0.012,
        "queue_time": 0.4,
        "request_time": 3.0,
    }
    for name, total in sums.items():
        found = getattr(seen, name)
        assert found.total == pytest.approx(total), name
        (place,) = [place for place, count in enumerate(found.counts) if count]
        assert found.bounds[place - 1] < total <= found.bounds[place], name


def test_the_last_answer_leaves_an_empty_batch_although_no_step_says_so() -> None:
    counts = counting()
    counts.step(scheduled(3), None)
    seen = counts.statistics(in_flight=0)
    assert (seen.batch_size, seen.requests_waiting, seen.kv_cache_usage) == (0, 0, 0.0)


def test_a_warm_up_is_a_sign_of_life_and_counts_for_nothing_else() -> None:
    counts = StepCounts()
    counts.step(scheduled(1), finished())
    seen = counts.statistics(in_flight=1)
    assert seen.steps == 1
    assert (seen.prompt_tokens, seen.batch_size, seen.time_to_first_token.total) == (0, 0, 0.0)


def test_vllm_adds_no_logger_of_its_own_beside_ours() -> None:
    counts = counting()
    manager = StatLoggerManager(
        vllm_config=None, custom_stat_loggers=[stat_logger(counts)], enable_default_loggers=False
    )
    assert len(manager.stat_loggers) == 1
    manager.log_engine_initialized()
    manager.record(scheduled(1), finished())
    manager.record_sleep_state(1, 1)
    manager.record_admission_rejection("max_num_queued_reqs")
    manager.log()
    assert counts.steps == 1


def test_how_long_a_request_waited_is_known_once_it_is_scheduled() -> None:
    state = RequestStateStats(arrival_time=1_000.0)
    assert waited_seconds(state) is None and waited_seconds(None) is None
    state.queued_ts = 10.0
    assert waited_seconds(state) is None
    state.scheduled_ts = 10.4
    assert waited_seconds(state) == pytest.approx(0.4)
