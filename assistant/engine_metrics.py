"""An engine's own statistics for Prometheus, read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from inference.api import Engine
from inference.errors import EngineError
from inference.statistics import Distribution

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily

PROFILE = "profile"
STATES = ("starting", "ready", "asleep", "waking", "rebuilding", "away", "dead", "stopped")
# Field of EngineStatistics → what it is called, and what it is.
GAUGES = {
    "batch_size": ("batch_size", "Answers that are decoded together now."),
    "requests_waiting": ("requests_waiting", "Requests that wait for room in the batch."),
    "kv_cache_usage": ("kv_cache_usage_ratio", "Share of the KV cache that is in use."),
}
COUNTERS = {
    "prompt_tokens": ("prompt_tokens", "Tokens of prompts."),
    "output_tokens": ("output_tokens", "Tokens that were generated."),
    "cached_tokens": ("cached_tokens", "Tokens of prompts that needed no prefill."),
    "prefix_cache_queries": ("prefix_cache_queries", "Tokens looked for in the prefix cache."),
    "prefix_cache_hits": ("prefix_cache_hits", "Tokens found in the prefix cache."),
    "preemptions": ("preemptions", "Answers put back for want of KV cache."),
}
DISTRIBUTIONS = {
    "time_to_first_token": ("time_to_first_token_seconds", "From a request to its first token."),
    "time_per_output_token": ("time_per_output_token_seconds", "From a token to the next."),
    "queue_time": ("queue_seconds", "What a request waited for room in the batch."),
    "request_time": ("request_seconds", "From a request to its last token."),
}


class Supervised(Protocol):
    """What a supervisor knows of its engine."""

    @property
    def engine(self) -> Engine: ...
    @property
    def state(self) -> str: ...
    @property
    def start_seconds(self) -> Mapping[str, float]: ...
    @property
    def rebuilds(self) -> Mapping[str, int]: ...


class EngineCollector(Collector):
    """Empty until the engine has started for the first time: before that its profile is unknown."""

    def __init__(self, supervised: Supervised) -> None:
        self._supervised = supervised

    def collect(self) -> Iterator[Family]:
        try:
            labels = [self._supervised.engine.info.profile]
        except EngineError:
            return
        yield from self._start(labels)
        seen = self._supervised.engine.statistics()
        for field, (name, text) in GAUGES.items():
            gauge = GaugeMetricFamily(_full(name), text, labels=[PROFILE])
            gauge.add_metric(labels, getattr(seen, field))
            yield gauge
        for field, (name, text) in COUNTERS.items():
            counter = CounterMetricFamily(_full(name), text, labels=[PROFILE])
            counter.add_metric(labels, getattr(seen, field))
            yield counter
        for field, (name, text) in DISTRIBUTIONS.items():
            found: Distribution | None = getattr(seen, field)
            if found is not None:
                yield _histogram(_full(name), text, labels, found)

    def _start(self, labels: list[str]) -> Iterator[Family]:
        supervised = self._supervised
        state = GaugeMetricFamily(
            _full("state"), "1 for the state that the engine is in.", labels=[PROFILE, "state"]
        )
        for one in STATES:
            state.add_metric([*labels, one], float(one == supervised.state))
        start = GaugeMetricFamily(
            _full("start_seconds"), "The last start, by phase.", labels=[PROFILE, "phase"]
        )
        for phase, seconds in supervised.start_seconds.items():
            start.add_metric([*labels, phase], seconds)
        rebuilds = CounterMetricFamily(
            _full("rebuilds"), "Engines built anew, by why.", labels=[PROFILE, "reason"]
        )
        for reason in ("died", "stuck", "asked"):
            rebuilds.add_metric([*labels, reason], supervised.rebuilds.get(reason, 0))
        yield from (state, start, rebuilds)


def _full(name: str) -> str:
    return f"outrider_engine_{name}"


def _histogram(name: str, text: str, labels: list[str], seen: Distribution) -> Family:
    family = HistogramMetricFamily(name, text, labels=[PROFILE])
    family.add_metric(labels, list(_buckets(seen)), seen.total)
    return family


def _buckets(seen: Distribution) -> Iterable[tuple[str, float]]:
    """Each bound with how many were at most that, as Prometheus counts."""
    below = 0
    for bound, count in zip((*map(str, seen.bounds), "+Inf"), seen.counts, strict=True):
        below += count
        yield bound, below
