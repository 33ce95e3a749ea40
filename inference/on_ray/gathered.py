"""What the replicas count of themselves, as one engine's statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from inference.api import EngineStatistics
from inference.statistics import Distribution


@dataclass(slots=True)
class Gathered:
    """By replica. Counters are of all that were ever seen, so that they only grow; what is in
    flight is of those that the last look saw."""

    _seen: dict[str, EngineStatistics] = field(default_factory=dict)
    _there: frozenset[str] = frozenset()

    def take(self, look: Mapping[str, EngineStatistics]) -> None:
        """`look`: what each replica that is there counts, by its name, which no other one has."""
        self._seen.update(look)
        self._there = frozenset(look)

    def beside(self, own: EngineStatistics) -> EngineStatistics:
        """A worker's own counts of requests and tokens, with what only replicas know.

        The replicas' are of whatever they answer, other workers' requests too, and are seen again
        only now and then: while nothing of the worker's own is in flight, nothing is.
        """
        seen = list(self._seen.values())
        now = [one for name, one in self._seen.items() if name in self._there]
        if not own.requests_running:
            now = []
        return replace(
            own,
            batch_size=sum(one.batch_size for one in now),
            requests_waiting=sum(one.requests_waiting for one in now),
            kv_cache_usage=max((one.kv_cache_usage for one in now), default=0.0),
            preemptions=sum(one.preemptions for one in seen),
            prefix_cache_queries=sum(one.prefix_cache_queries for one in seen),
            prefix_cache_hits=sum(one.prefix_cache_hits for one in seen),
            time_to_first_token=_together(one.time_to_first_token for one in seen),
            time_per_output_token=_together(one.time_per_output_token for one in seen),
            queue_time=_together(one.queue_time for one in seen),
            request_time=_together(one.request_time for one in seen),
        )


def _together(distributions: Iterable[Distribution | None]) -> Distribution | None:
    """None where nobody knows any."""
    known = [one for one in distributions if one is not None]
    if not known:
        return None
    counts = tuple(map(sum, zip(*(one.counts for one in known), strict=True)))
    return Distribution(known[0].bounds, counts, sum(one.total for one in known))
