"""Refuses a start whose model can't fit, with the plan's numbers and what would fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inference.errors import PlanRefused, ProfileRefused
from inference.plan.advice import what_fits
from inference.plan.memory import Found, memory_for
from inference.plan.planning import Asked, Plan, gib, make_plan
from inference.plan.serving import serving_of
from inference.plan.sources import find_config
from inference.profiles import Profile

_OTHERWISE = "or choose the profile demo (any CPU) or remote"


def require_room(profile: Profile, data_dir: Path, model: str | None = None) -> None:
    """`require_memory` on this machine. `model` as in `find_config`. Blocks for a moment.

    Says nothing where the model's config isn't known yet. Not for cards on other hosts.
    """
    try:
        found = find_config(profile, data_dir, model)
        cards = serving_of(profile).parallel.cards if profile.gpus else 0
        memory = memory_for(cards)
    except (PlanRefused, OSError):
        return
    require_memory(profile, found.shown, found.config, memory)


def require_memory(
    profile: Profile, model: str, config: Mapping[str, Any], memory: Sequence[Found]
) -> None:
    """Raises ProfileRefused where the model doesn't fit into the smallest of these, or what of it
    is free. `memory` are the cards that it may use, or the main memory alone for a CPU.

    Says nothing where there is nothing to compare: no memory is known, or the plan can't read the
    model, which vLLM may know all the same.
    """
    if not memory:
        return
    smallest = min(memory, key=lambda one: one.card.memory_bytes)
    try:
        asked = Asked(model, config, serving_of(profile), smallest.card)
        plan = make_plan(asked)
    except PlanRefused:
        return
    if not plan.fits:
        raise ProfileRefused(refusal(asked, plan))
    _require_free(plan, memory)


def refusal(asked: Asked, plan: Plan) -> str:
    """Why it doesn't fit and what would, in a sentence or two."""
    ways = (*what_fits(asked, plan), _OTHERWISE)
    fits = "; ".join(ways[:-1])
    remedy = f"What would fit: {fits}; {ways[-1]}." if fits else f"Take more memory, {ways[-1]}."
    what = f"does not fit into {plan.card.name}"
    if plan.is_too_long:
        what = "asks for too long a context"
    return f"The profile {plan.profile} {what}. {plan.reason} {remedy}"


def _require_free(plan: Plan, memory: Sequence[Found]) -> None:
    """vLLM takes its share of a card at once, and refuses where others have too much of it."""
    tightest = min(memory, key=lambda one: one.free_bytes)
    needed = _needed(plan)
    if tightest.free_bytes >= needed:
        return
    taken = tightest.card.memory_bytes - tightest.free_bytes
    smaller = tightest.free_bytes - plan.weights.card_bytes
    ways = "End them"
    if not plan.card.is_gpu and smaller >= plan.cache.bytes_of(plan.max_model_len):
        ways += f", set kv_cache_bytes of the profile to at most {smaller}"
    raise ProfileRefused(
        f"The profile {plan.profile} needs {gib(needed)} of {tightest.card.name} "
        f"({gib(plan.weights.card_bytes)} of weights, {gib(plan.cache_bytes)} of KV cache), and "
        f"{gib(tightest.free_bytes)} are free: others hold {gib(taken)}. {ways}, {_OTHERWISE}."
    )


def _needed(plan: Plan) -> int:
    if plan.card.is_gpu:
        return plan.room_bytes
    return plan.weights.card_bytes + plan.cache_bytes
