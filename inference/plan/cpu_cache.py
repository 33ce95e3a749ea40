"""How much KV cache vLLM is told to make: the plan's, where a profile for a CPU states none."""

from __future__ import annotations

from pathlib import Path

from inference.errors import PlanRefused
from inference.plan.memory import main_memory
from inference.plan.planning import CPU_CACHE_BYTES, Asked, make_plan
from inference.plan.serving import serving_of
from inference.plan.sources import CONFIG, read_config
from inference.profiles import Profile


def cache_bytes(profile: Profile, model: str) -> int | None:
    """Of vLLM's engine for the model in the folder `model`; None is what is left of a GPU.

    On a CPU vLLM would take 92 % of the main memory, and refuse where others hold the rest of it.
    What can't be planned gets CPU_CACHE_BYTES.
    """
    if profile.kv_cache_bytes is not None or profile.gpus:
        return profile.kv_cache_bytes
    try:
        config = read_config(Path(model) / CONFIG)
        plan = make_plan(Asked(model, config, serving_of(profile), main_memory().card))
    except (PlanRefused, OSError):
        return CPU_CACHE_BYTES
    return plan.cache_bytes if plan.fits else CPU_CACHE_BYTES
