"""Plans of the built-in models for tests, from their facts alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from inference.plan.cards import card_named
from inference.plan.planning import Asked, Plan, make_plan
from inference.plan.serving import Serving
from inference.plan.sources import find_config
from inference.plan.weights import Parallel
from inference.profiles import profile_named

NOWHERE = Path("/nonexistent")


def serving(**changes: Any) -> Serving:
    """As scout's long-context variant on one card, FP8 cache, vision, unless `changes` say else."""
    usual = Serving(
        profile="scout",
        max_model_len=131_072,
        max_num_seqs=64,
        parallel=Parallel(),
        hybrid=True,
        vision=True,
        eager=False,
        dtype="auto",
        quantization="",
        cache_dtype="fp8",
        cache_bytes=None,
        block_tokens=16,
        step_tokens=2048,
        utilization=0.92,
    )
    return replace(usual, **changes)


def asked(format_: str, *, model: str = "scout", card: str = "H100", **changes: Any) -> Asked:
    found = find_config(profile_named(model), NOWHERE, format_=format_)
    return Asked(found.shown, found.config, serving(profile=model, **changes), card_named(card))


def plan(format_: str, *, model: str = "scout", card: str = "H100", **changes: Any) -> Plan:
    return make_plan(asked(format_, model=model, card=card, **changes))
