"""vLLM's own statistics, passed through: what each step of its core says of itself.

vLLM calls `record` with every output of the core, also where a step brought no token (a long
prompt that is read in chunks), so the steps counted here show that the core lives.
Source: vllm 0.32, v1/metrics/loggers.py and stats.py, whose classes are declared unstable: only
this module reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from inference.api import EngineStatistics
from inference.statistics import OF_REQUESTS, PER_TOKEN, TO_FIRST_TOKEN, Observed


@dataclass(slots=True)
class StepCounts:
    """Adds up over every start of one engine. `counting` is off while it warms up."""

    counting: bool = False
    steps: int = 0
    _sums: EngineStatistics = field(default_factory=EngineStatistics)
    _to_first_token: Observed = field(default_factory=lambda: Observed(TO_FIRST_TOKEN))
    _per_token: Observed = field(default_factory=lambda: Observed(PER_TOKEN))
    _queued: Observed = field(default_factory=lambda: Observed(OF_REQUESTS))
    _whole: Observed = field(default_factory=lambda: Observed(OF_REQUESTS))

    def step(self, scheduler: Any, iteration: Any) -> None:
        """`scheduler` and `iteration` are vLLM's SchedulerStats and IterationStats, or None."""
        self.steps += 1
        if not self.counting:
            return
        if scheduler is not None:
            self._note_scheduler(scheduler)
        if iteration is not None:
            self._note_iteration(iteration)

    def statistics(self, in_flight: int) -> EngineStatistics:
        """`in_flight`: requests that have not ended. After the last of them no step says that the
        batch is empty now."""
        sums = self._sums
        if not in_flight:
            sums = replace(sums, batch_size=0, requests_waiting=0, kv_cache_usage=0.0)
        return replace(
            sums,
            requests_running=in_flight,
            steps=self.steps,
            time_to_first_token=self._to_first_token.so_far(),
            time_per_output_token=self._per_token.so_far(),
            queue_time=self._queued.so_far(),
            request_time=self._whole.so_far(),
        )

    def _note_scheduler(self, scheduler: Any) -> None:
        sums, cache = self._sums, scheduler.prefix_cache_stats
        self._sums = replace(
            sums,
            batch_size=scheduler.num_running_reqs,
            requests_waiting=scheduler.num_waiting_reqs + scheduler.num_skipped_waiting_reqs,
            kv_cache_usage=scheduler.kv_cache_usage,
            prefix_cache_queries=sums.prefix_cache_queries + cache.queries,
            prefix_cache_hits=sums.prefix_cache_hits + cache.hits,
        )

    def _note_iteration(self, iteration: Any) -> None:
        sums, prompt = self._sums, iteration.prompt_token_stats
        self._sums = replace(
            sums,
            prompt_tokens=sums.prompt_tokens + prompt.total,
            cached_tokens=sums.cached_tokens + prompt.cached_tokens,
            output_tokens=sums.output_tokens + iteration.num_generation_tokens,
            preemptions=sums.preemptions + iteration.num_preempted_reqs,
        )
        self._to_first_token.add(iteration.time_to_first_tokens_iter)
        self._per_token.add(iteration.inter_token_latencies_iter)
        self._queued.add([one.queued_time for one in iteration.finished_requests])
        self._whole.add([one.e2e_latency for one in iteration.finished_requests])


def waited_seconds(metrics: Any) -> float | None:
    """How long a request waited in the core's queue, by its RequestStateStats; None where vLLM
    does not tell."""
    begun, queued = getattr(metrics, "scheduled_ts", 0.0), getattr(metrics, "queued_ts", 0.0)
    return max(begun - queued, 0.0) if begun and queued else None


def stat_logger(counts: StepCounts) -> type:
    """A class for AsyncLLM's `stat_loggers` that hands every step to `counts`.

    It is a PrometheusStatLogger by its type alone: beside any other class vLLM puts that logger of
    its own, which would observe everything once more, for nobody.
    """
    from vllm.v1.metrics.loggers import PrometheusStatLogger

    class PassedThrough(PrometheusStatLogger):  # type: ignore[misc]
        def __init__(self, vllm_config: Any, engine_indexes: Any = None) -> None:
            """Nothing is registered anywhere."""

        def record(
            self,
            scheduler_stats: Any,
            iteration_stats: Any,
            mm_cache_stats: Any = None,
            engine_idx: int = 0,
        ) -> None:
            counts.step(scheduler_stats, iteration_stats)

        def log_engine_initialized(self) -> None:
            pass

        def record_sleep_state(self, sleep: int = 0, level: int = 0) -> None:
            pass

        def record_admission_rejection(self, reason: str) -> None:
            pass

    return PassedThrough
