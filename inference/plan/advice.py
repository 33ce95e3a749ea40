"""What would fit where a plan does not: each way is planned before it is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from inference.errors import PlanRefused
from inference.plan.cards import CARDS
from inference.plan.planning import Asked, Plan, gib, make_plan
from inference.plan.weights import Parallel

LEAST_TOKENS = 1_024  # a shorter context is no help to anybody
_MOST_CARDS = 16
_FOUR_BITS = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128}
W4A16 = {
    "quant_method": "compressed-tensors",
    "format": "pack-quantized",
    "config_groups": {"linear": {"targets": ["Linear"], "weights": _FOUR_BITS}},
    "ignore": ["re:.*lm_head", "re:.*self_attn.*", "re:.*router"],
}


def what_fits(asked: Asked, plan: Plan) -> tuple[str, ...]:
    """Phrases, the least change first; empty where nothing here would."""
    if plan.fits:
        return ()
    return tuple(_ways(asked, plan))


def _ways(asked: Asked, plan: Plan) -> Iterator[str]:
    if plan.cache_bytes > plan.left_bytes > 0 and not plan.is_too_long:
        yield f"a KV cache of at most {gib(plan.left_bytes)}"
    if min(LEAST_TOKENS, plan.model_longest) <= plan.longest_tokens < plan.max_model_len:
        yield f"a context of at most {plan.longest_tokens:,} tokens"
    if plan.card.is_gpu:
        yield from _leaner_cache(asked)
        yield from _fewer_bits(asked, plan)
        yield from _more_cards(asked)
        yield from _larger_card(asked)


def _leaner_cache(asked: Asked) -> Iterator[str]:
    hybrid = replace(asked.serving, hybrid=True)
    for serving, phrase in (
        (hybrid, "the hybrid KV cache"),
        (replace(asked.serving, cache_dtype="fp8"), "an FP8 KV cache"),
    ):
        found = _planned(replace(asked, serving=serving)) if serving != asked.serving else None
        if found and found.fits:
            yield phrase


def _fewer_bits(asked: Asked, plan: Plan) -> Iterator[str]:
    found = _planned(replace(asked, config={**asked.config, "quantization_config": W4A16}))
    if found and found.fits and found.weights.total_bytes < plan.weights.total_bytes * 0.9:
        yield f"4-bit weights (W4A16, {gib(found.weights.total_bytes)} in all)"


def _more_cards(asked: Asked) -> Iterator[str]:
    now = asked.serving.parallel
    cards = now.tensor * 2
    while cards <= _MOST_CARDS:
        parallel = Parallel(cards, now.pipeline, now.expert)
        found = _planned(replace(asked, serving=replace(asked.serving, parallel=parallel)))
        if found and found.fits:
            each = gib(found.weights.card_bytes)
            yield f"{parallel.cards} such cards ({each} of weights on each)"
            return
        cards *= 2


def _larger_card(asked: Asked) -> Iterator[str]:
    for card in sorted(CARDS, key=lambda one: one.memory_bytes):
        if card.memory_bytes <= asked.card.memory_bytes:
            continue
        found = _planned(replace(asked, card=card))
        if found and found.fits:
            count = asked.serving.parallel.cards
            yield f"{'one' if count == 1 else count} {card.name} ({gib(card.memory_bytes)})"
            return


def _planned(asked: Asked) -> Plan | None:
    try:
        return make_plan(asked)
    except PlanRefused:
        return None
