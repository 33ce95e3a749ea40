"""After the engine's start: hold it against its plan, and say so in the log."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from inference.errors import PlanRefused
from inference.plan.compare import Comparison, compare
from inference.plan.measured import measure
from inference.plan.memory import main_memory, memory_for
from inference.plan.planning import Asked, make_plan
from inference.plan.serving import serving_of
from inference.plan.sources import CONFIG, read_config
from inference.profiles import Profile

_log = structlog.get_logger()


async def compare_with_engine(profile: Profile, model: str, llm: Any) -> Comparison | None:
    """None where there is nothing to compare: the model's files aren't here, or are none that the
    plan reads. `llm` is vLLM's AsyncLLM, `model` the folder that it loaded."""
    try:
        measured = await measure(llm)
    except Exception as error:  # no reason to stop an engine that answers
        _log.warning("engine_not_measured", error=type(error).__name__)
        return None
    if measured is None:
        return None
    try:
        asked = await asyncio.to_thread(_asked, profile, model, measured.block_tokens)
        found = compare(make_plan(asked), measured)
    except PlanRefused as error:
        _log.debug("engine_not_planned", reason=str(error))
        return None
    (_log.info if found.holds else _log.warning)(
        "engine_as_planned" if found.holds else "engine_not_as_planned", comparison=found.line
    )
    return found


def _asked(profile: Profile, model: str, block_tokens: int) -> Asked:
    """The attention backend chooses the blocks' size: no plan could know it before."""
    serving = replace(serving_of(profile), block_tokens=block_tokens)
    cards = serving.parallel.cards if profile.gpus else 0
    memory = min(memory_for(cards) or (main_memory(),), key=lambda one: one.card.memory_bytes)
    return Asked(model, read_config(Path(model) / CONFIG), serving, memory.card)
