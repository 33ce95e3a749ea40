"""What vLLM is told by the plan, where a profile for a CPU says nothing: how much KV cache to make,
and how many tokens to take in one step."""

from __future__ import annotations

from pathlib import Path

from inference.errors import PlanRefused
from inference.plan.memory import main_memory
from inference.plan.planning import CPU_CACHE_BYTES, Asked, Plan, make_plan
from inference.plan.serving import STEP_TOKENS, serving_of
from inference.plan.sources import CONFIG, read_config
from inference.profiles import Profile


def cache_bytes(profile: Profile, model: str) -> int | None:
    """Of vLLM's engine for the model in the folder `model`; None is what is left of a GPU.

    On a CPU vLLM would take 92 % of the main memory, and refuse where others hold the rest of it.
    What can't be planned gets CPU_CACHE_BYTES.
    """
    if profile.kv_cache_bytes is not None or profile.gpus:
        return profile.kv_cache_bytes
    plan = _plan(profile, model)
    return plan.cache_bytes if plan is not None and plan.fits else CPU_CACHE_BYTES


def step_tokens(profile: Profile, model: str) -> int | None:
    """None is vLLM's own number, also for what can't be planned: some models need as many."""
    if serving_of(profile).step_tokens is not None:
        return None
    plan = _plan(profile, model)
    return None if plan is None or plan.step_tokens == STEP_TOKENS else plan.step_tokens


def _plan(profile: Profile, model: str) -> Plan | None:
    try:
        config = read_config(Path(model) / CONFIG)
        return make_plan(Asked(model, config, serving_of(profile), main_memory().card))
    except (PlanRefused, OSError):
        return None
