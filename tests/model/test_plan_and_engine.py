"""The demo's real engine, in BF16 and in four bits, held against its plan: computed from its
config.json alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from inference.demo.checkpoint import ensure_demo_model
from inference.plan.compare import compare
from inference.plan.measured import Measured, measure
from inference.plan.memory import main_memory
from inference.plan.planning import Asked, Plan, make_plan
from inference.plan.serving import serving_of
from inference.plan.sources import find_config
from inference.profiles import Profile, profile_named
from inference.vllm_engine.engine import VllmEngine
from tests.support.demo import quiet

pytestmark = [pytest.mark.model, pytest.mark.timeout(400)]

SERVED_TOKENS = 2048  # fewer than the model could: its table of positions must be cut to them


@pytest.fixture(scope="module", params=["demo", "demo-int4"])
def profile(request: pytest.FixtureRequest) -> Profile:
    return replace(profile_named(request.param), max_model_len=SERVED_TOKENS)


@pytest.fixture(scope="module")
async def engine(demo_data_dir: Path, profile: Profile) -> AsyncIterator[VllmEngine]:
    engine = VllmEngine(
        profile,
        lambda progress: str(ensure_demo_model(demo_data_dir, progress, profile.quantize)),
    )
    await engine.start(quiet)
    yield engine
    await engine.stop()


@pytest.fixture
def plan(demo_data_dir: Path, profile: Profile) -> Plan:
    found = find_config(profile, demo_data_dir)
    return make_plan(Asked(found.shown, found.config, serving_of(profile), main_memory().card))


@pytest.fixture
async def measured(engine: VllmEngine) -> Measured:
    found = await measure(engine._llm)
    assert found is not None
    return found


async def test_every_figure_of_the_plan_is_within_a_twentieth_of_the_engines(
    plan: Plan, measured: Measured
) -> None:
    comparison = compare(plan, measured)
    assert len(comparison.figures) == 5
    assert comparison.holds, comparison.line


async def test_weights_and_cache_of_a_token_are_planned_to_the_byte(
    plan: Plan, measured: Measured, profile: Profile
) -> None:
    scales = 30 * 4 * 4  # of each attention layer's query, key, value and probabilities, in FP32
    # Beside packed weights their true shapes were loaded: two int64 for each linear.
    shapes = 30 * 2 * 2 * 8 if profile.quantize else 0
    assert measured.weights_bytes == plan.weights.card_bytes + scales + shapes
    assert measured.cache_token_bytes == plan.cache.token_bytes
    assert measured.block_tokens == plan.cache.block_tokens


async def test_the_engine_says_of_itself_that_it_is_as_planned(engine: VllmEngine) -> None:
    assert engine.info.as_planned
    assert engine.info.plan.startswith("The engine is as planned")
    assert f"{SERVED_TOKENS:,} tokens" in engine.info.plan


async def test_an_engine_with_half_the_cache_is_not_as_planned(
    plan: Plan, measured: Measured
) -> None:
    less = replace(measured, capacity_tokens=measured.capacity_tokens // 2)
    comparison = compare(plan, less)
    assert not comparison.holds
    assert f"planned {plan.capacity_tokens:,} tokens (-50%)" in comparison.line
