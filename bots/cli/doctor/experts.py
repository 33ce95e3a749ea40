"""Who computes the model's mixture of experts, as the engine that runs here has proven it."""

from __future__ import annotations

from bots.cli.doctor.finding import Finding, fine, off
from bots.engine_word import read_engine_word
from bots.settings import Settings


async def experts(settings: Settings) -> Finding:
    word = read_engine_word(settings.data_dir)
    if word is None or word.profile != settings.engine.profile:
        return off("No engine runs here now.")
    return fine(word.experts) if word.experts else off("This model has no mixture of experts here.")
