"""Ten thousand requests at once: those for whom there is room are answered, the others are told."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from inference.api import ChatMessage, GenerationRequest, Sampling
from inference.errors import EngineOverloaded
from inference.settings import EngineSettings
from inference.start import build_engine
from tests.support.demo import quiet

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(900)]

CROWD = 10_000


async def test_a_crowd_is_answered_or_told_that_too_many_wait_and_the_engine_stays(
    demo_data_dir: Path,
) -> None:
    engine = build_engine(EngineSettings(), demo_data_dir)
    await engine.start(quiet)
    prompt = await engine.render([ChatMessage("user", "Hi")])

    async def one(number: int) -> str:
        request = GenerationRequest(f"one-{number}", prompt, Sampling(max_tokens=1))
        try:
            return [delta.finish_reason or "" async for delta in engine.generate(request)][-1]
        except EngineOverloaded as refused:
            return str(refused)

    try:
        outcomes = Counter(await asyncio.gather(*(one(number) for number in range(CROWD))))
        assert (await engine.health()).state == "ready"
        assert engine.statistics().requests_running == 0
        assert await one(CROWD) in ("stop", "length"), "and the next is answered"
    finally:
        await engine.stop()
    refused = outcomes["The model has too many questions waiting: try again."]
    answered = outcomes["stop"] + outcomes["length"]
    assert answered >= 1024
    assert answered + refused == CROWD
    assert refused > 0
