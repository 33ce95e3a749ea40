"""The most tokens a second: a decode step can't be faster than its bytes can be read.

A step of batch B reads all weights that every token passes, and of a layer's E experts those that
any token was routed to: E · (1 − (1 − k/E)^B) distinct ones on average, if routing is even. It
reads each conversation's cache as well. A bound, not a forecast: no kernel reaches it.
"""

from __future__ import annotations

from dataclasses import dataclass

from inference.plan.architecture import Architecture
from inference.plan.cache import Cache
from inference.plan.weights import Parallel, Part, Weights

BATCHES = (1, 2, 4, 8, 16, 32, 64)
_EVERY_TOKEN: tuple[Part, ...] = ("attention", "router", "shared expert", "dense MLP", "norms")


@dataclass(frozen=True, slots=True)
class Step:
    """One decode step. Bytes are a card's; `tokens_per_second` None: bandwidth unknown."""

    batch: int
    distinct_experts: float
    weight_bytes: float
    cache_bytes: int
    tokens_per_second: float | None


def distinct_experts(count: int, chosen: int, batch: int) -> float:
    """How many different ones a batch is routed to, on average."""
    return count * (1.0 - (1.0 - min(chosen / count, 1.0)) ** batch)


def decode_step(
    model: Architecture,
    weights: Weights,
    cache: Cache,
    parallel: Parallel,
    *,
    batch: int,
    context: int,
    bandwidth: float | None,
) -> Step:
    """`context`: the length of each conversation, in tokens; 0 leaves the cache out.

    Stages of a pipeline come one after the other, so that a step takes as long as all together.
    """
    passed = weights.chain
    head = passed["embedding"] if model.tied else passed["lm_head"]
    share, distinct = 0.0, 0.0
    experts = model.experts
    if experts is not None:
        distinct = distinct_experts(experts.count, experts.chosen, batch)
        # With whole experts on each card the busiest one reads at least one of them.
        least = parallel.tensor if parallel.expert else 0
        share = max(distinct, least) / experts.count
    read = sum(passed[part] for part in _EVERY_TOKEN) + head + share * passed["routed experts"]
    read_cache = batch * cache_read(model, cache, context)
    seconds = (read + read_cache) / bandwidth if bandwidth else None
    return Step(batch, distinct, read, read_cache, batch / seconds if seconds else None)


def cache_read(model: Architecture, cache: Cache, tokens: int) -> int:
    """What attention reads for one further token of a conversation of so many: of a local layer
    its window alone, however the cache is kept."""
    seen = (min(layer.window or tokens, tokens) for layer in model.layers)
    return sum(seen) * cache.layer_bytes
