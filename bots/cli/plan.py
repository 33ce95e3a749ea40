"""`outrider plan`: what a profile needs of a card, and what fits, before anything is loaded."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from typing import Any

from rich.console import Console

from bots.cli.plan_tables import tables
from bots.settings import Settings
from inference.errors import PlanRefused
from inference.plan.advice import what_fits
from inference.plan.cards import Card, card_named
from inference.plan.memory import main_memory, memory_for
from inference.plan.planning import Asked, Plan, make_plan
from inference.plan.serving import Serving, serving_of
from inference.plan.sources import find_config
from inference.plan.weights import Parallel
from inference.profiles import Profile
from inference.start import chosen_profile

# What the profiles for GPUs are made for; a machine's own cards go before it.
USUAL_CARD = "H100"
PIPED_COLUMNS = 400  # nothing is wrapped where no terminal sets a width


def show(
    settings: Settings,
    profile_name: str | None,
    *,
    model: str | None = None,
    format_: str | None = None,
    card: str | None = None,
    cards: int | None = None,
    context: int | None = None,
    as_json: bool = False,
) -> None:
    """Print the plan. Raises PlanRefused, ProfileRefused."""
    asked, place = asked_for(
        settings,
        profile_name,
        model=model,
        format_=format_,
        card=card,
        cards=cards,
        context=context,
    )
    plan = make_plan(asked)
    ways = what_fits(asked, plan)
    if as_json:
        print(json.dumps(as_data(plan, ways, place), indent=2))  # noqa: T201 - the answer itself
        return
    console = Console(width=None if sys.stdout.isatty() else PIPED_COLUMNS, highlight=False)
    for part in tables(plan, ways, place):
        console.print(part)


def asked_for(
    settings: Settings,
    profile_name: str | None = None,
    *,
    model: str | None = None,
    format_: str | None = None,
    card: str | None = None,
    cards: int | None = None,
    context: int | None = None,
) -> tuple[Asked, str]:
    """What is to be planned, and where its config is from. Raises PlanRefused, ProfileRefused."""
    profile = _profile(settings, profile_name)
    serving = serving_of(profile)
    if cards is not None:
        pipeline = serving.parallel.pipeline if cards % serving.parallel.pipeline == 0 else 1
        parallel = Parallel(cards // pipeline, pipeline, serving.parallel.expert and cards > 1)
        serving = replace(serving, parallel=parallel)
    if context is not None:
        serving = replace(serving, max_model_len=context)
    own = settings.engine.model if profile_name in (None, settings.engine.profile) else None
    found = find_config(profile, settings.data_dir, model or own, format_)
    chosen = card_named(card) if card is not None else _own_card(profile, serving)
    chosen = replace(chosen, is_gpu=profile.gpus > 0)  # for a CPU, --card sizes its main memory
    return Asked(found.shown, found.config, serving, chosen), found.place


def as_data(plan: Plan, ways: tuple[str, ...], place: str) -> dict[str, Any]:
    """For JSON: all of the plan, its sums, and what would fit."""
    data = asdict(plan)
    data["weights"] |= {
        "total_bytes": plan.weights.total_bytes,
        "card_bytes": plan.weights.card_bytes,
    }
    data["reserve"]["total_bytes"] = plan.reserve.total
    for name in ("cache", "full_cache", "hybrid_cache"):
        cache = getattr(plan, name)
        data[name] |= {
            "token_bytes": cache.token_bytes,
            "window_bytes": cache.window_bytes,
            "block_bytes": cache.block_bytes,
        }
    return data | {"config_from": place, "would_fit": list(ways)}


def _profile(settings: Settings, name: str | None) -> Profile:
    """With what the settings say in its place."""
    given = settings.engine
    if name not in (None, given.profile):
        text_only = False if given.vision is False else None
        other = {"profile": name, "vision": text_only, "max_model_len": None}
        given = given.model_copy(update=other)
    return chosen_profile(given, settings.data_dir)


def _own_card(profile: Profile, serving: Serving) -> Card:
    """This machine's smallest GPU, or the usual card; the main memory for a CPU."""
    if not profile.gpus:
        try:
            return main_memory().card
        except OSError:
            raise PlanRefused(
                "This machine's memory can't be found out: give it with --card, as 16GB."
            ) from None
    found = memory_for(serving.parallel.cards)
    if not found:
        return card_named(USUAL_CARD)
    return min((one.card for one in found), key=lambda one: one.memory_bytes)
