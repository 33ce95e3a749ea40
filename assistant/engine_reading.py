"""What an engine did lately, as people want to know it: rates, times, shares.

An engine only counts (`EngineStatistics`). Its worker looks at the counters every few seconds, and
the difference of two looks is what happened between them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from inference.api import EngineStatistics
from inference.statistics import Distribution

RATE_SECONDS = 10.0
SLOTS = 30  # of RATE_SECONDS each
LATELY_SECONDS = (
    SLOTS * RATE_SECONDS
)  # a small team asks seldom: in less there would mostly be nothing


@dataclass(frozen=True, slots=True)
class EngineReading:
    """What is in flight now; tokens a second over RATE_SECONDS; the rest over LATELY_SECONDS.

    Times in seconds, shares in [0, 1]. None: nothing of that happened, or this engine can't tell.
    Percentiles are drawn between the bounds of a distribution, as Prometheus does.
    """

    running: int = 0  # requests that have not ended
    batch_size: int = 0  # of them, decoded together
    waiting: int = 0  # of them, for room in the batch
    kv_cache_usage: float = 0.0
    output_tokens_per_second: float = 0.0
    prompt_tokens_per_second: float = 0.0
    ttft_p50: float | None = None
    ttft_p95: float | None = None
    tpot_p50: float | None = None
    tpot_p95: float | None = None
    queue_p95: float | None = None
    cache_hits: float | None = None  # of the prompts' tokens, those that needed no prefill
    preemptions: int = 0
    output_tokens: int = 0  # since the worker started
    rates: tuple[float, ...] = ()  # tokens generated a second, by slots, oldest first


@dataclass(slots=True)
class EnginePulse:
    """Looks at one engine's counters."""

    clock: Callable[[], float] = time.monotonic  # seconds
    _looks: deque[tuple[float, EngineStatistics]] = field(default_factory=deque, init=False)

    def take(self, seen: EngineStatistics) -> None:
        now = self.clock()
        self._looks.append((now, seen))
        # The first that is left is the last from before: the whole time is covered.
        while len(self._looks) > 1 and self._looks[1][0] <= now - LATELY_SECONDS:
            self._looks.popleft()

    def reading(self) -> EngineReading | None:
        """As of the last look; None before the first."""
        if not self._looks:
            return None
        at, now = self._looks[-1]
        _, before = self._looks[0]
        shortly_at, shortly = self._since(at - RATE_SECONDS)
        seconds = at - shortly_at
        ttft = _between(before.time_to_first_token, now.time_to_first_token)
        tpot = _between(before.time_per_output_token, now.time_per_output_token)
        queued = _between(before.queue_time, now.queue_time)
        return EngineReading(
            running=now.requests_running,
            batch_size=now.batch_size,
            waiting=now.requests_waiting,
            kv_cache_usage=now.kv_cache_usage,
            output_tokens_per_second=_rate(shortly.output_tokens, now.output_tokens, seconds),
            prompt_tokens_per_second=_rate(shortly.prompt_tokens, now.prompt_tokens, seconds),
            ttft_p50=quantile(ttft, 0.5),
            ttft_p95=quantile(ttft, 0.95),
            tpot_p50=quantile(tpot, 0.5),
            tpot_p95=quantile(tpot, 0.95),
            queue_p95=quantile(queued, 0.95),
            cache_hits=_hits(before, now),
            preemptions=now.preemptions - before.preemptions,
            output_tokens=now.output_tokens,
            rates=self._rates(at),
        )

    def _rates(self, at: float) -> tuple[float, ...]:
        ends = [self._since(at - RATE_SECONDS * slot) for slot in range(SLOTS, -1, -1)]
        return tuple(
            round(_rate(before.output_tokens, after.output_tokens, end - begin), 1)
            for (begin, before), (end, after) in pairwise(ends)
        )

    def _since(self, moment: float) -> tuple[float, EngineStatistics]:
        """The first look that is no older."""
        return next(look for look in self._looks if look[0] >= moment)


def quantile(seen: Distribution | None, share: float) -> float | None:
    """The value that this share of them is at most; None where there are none."""
    if seen is None or not (count := sum(seen.counts)):
        return None
    wanted, below, lower = share * count, 0, 0.0
    for bound, here in zip(seen.bounds, seen.counts, strict=False):
        if here and below + here >= wanted:
            return lower + (bound - lower) * (wanted - below) / here
        below, lower = below + here, bound
    return seen.bounds[-1]  # of those above all bounds no more is known


def _between(before: Distribution | None, now: Distribution | None) -> Distribution | None:
    if now is None or before is None:
        return now
    counts = tuple(new - old for old, new in zip(before.counts, now.counts, strict=True))
    return Distribution(now.bounds, counts, now.total - before.total)


def _rate(before: int, now: int, seconds: float) -> float:
    return (now - before) / seconds if seconds > 0 else 0.0


def _hits(before: EngineStatistics, now: EngineStatistics) -> float | None:
    """By the prefix cache's own count where there is one, else by what the engine says of
    prompts."""
    asked = now.prefix_cache_queries - before.prefix_cache_queries
    if asked > 0:
        return (now.prefix_cache_hits - before.prefix_cache_hits) / asked
    tokens = now.prompt_tokens - before.prompt_tokens
    return (now.cached_tokens - before.cached_tokens) / tokens if tokens > 0 else None
