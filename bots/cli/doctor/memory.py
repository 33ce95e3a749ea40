"""The model's memory: what the plan says of this machine, and the engine that runs here."""

from __future__ import annotations

import asyncio

from bots.cli.doctor.finding import Finding, fails, fine, note, off
from bots.cli.plan import asked_for
from bots.engine_word import read_engine_word
from bots.settings import Settings
from inference.errors import PlanRefused
from inference.plan.planning import gib, make_plan
from inference.plan.require import refusal, require_room
from inference.start import chosen_profile


async def memory(settings: Settings) -> Finding:
    if chosen_profile(settings.engine, settings.data_dir).runner != "vllm":
        return off("This profile's model takes no memory here.")
    word = read_engine_word(settings.data_dir)
    if word is not None and word.plan and word.profile == settings.engine.profile:
        return fine(word.plan) if word.as_planned else note(word.plan)
    return await asyncio.to_thread(planned, settings, is_running=word is not None)


def planned(settings: Settings, *, is_running: bool = False) -> Finding:
    """As the start would find it. `is_running`: an engine runs here, whose memory will be free.

    Raises ProfileRefused as the start would.
    """
    try:
        asked, _ = asked_for(settings)
        plan = make_plan(asked)
    except PlanRefused as error:
        return note(f"Nothing could be planned: {error}")
    if not plan.fits:
        return fails(refusal(asked, plan))
    profile = chosen_profile(settings.engine, settings.data_dir)
    if not is_running and profile.distributed_executor != "ray":
        require_room(profile, settings.data_dir, settings.engine.model)
    now = "An engine runs here now." if is_running else "No engine runs here now."
    return fine(
        f"Planned on {plan.card.name}: {gib(plan.weights.card_bytes)} of weights and "
        f"{gib(plan.cache_bytes)} of KV cache in {gib(plan.room_bytes)}. {now}"
    )
