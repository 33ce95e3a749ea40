"""The setting `moe` with the demo model on a CPU: each path starts, answers and says what it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from inference.api import ChatMessage, GenerationRequest, Sampling
from inference.demo.layout import model_folder
from inference.moe.proof import ExpertsNotProven
from inference.profiles import profile_named
from inference.settings import MoePath
from inference.vllm_engine.engine import VllmEngine
from inference.vllm_engine.launch import Experts
from tests.support.demo import quiet

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

SAID = {
    "custom": "30 of 30 expert layers run Outrider's experts in torch.",
    "naive": "30 of 30 expert layers run Outrider's naive experts.",
    "stock": "30 of 30 expert layers run vLLM's own experts.",
}
METHODS = {
    "custom": "OutriderMoEMethod",
    "naive": "OutriderMoEMethod",
    "stock": "UnquantizedFusedMoEMethod",
}


def engine_with(path: MoePath, data_dir: Path, **overrides: Any) -> VllmEngine:
    small = {"kv_cache_memory_bytes": 1 << 28}
    return VllmEngine(
        profile_named("demo"),
        lambda progress: str(model_folder(data_dir)),
        experts=Experts(path),
        overrides=small | overrides,
    )


@asynccontextmanager
async def started(path: MoePath, data_dir: Path) -> AsyncIterator[VllmEngine]:
    engine = engine_with(path, data_dir)
    await engine.start(quiet)
    try:
        yield engine
    finally:
        await engine.stop()


async def answer(engine: VllmEngine) -> str:
    prompt = await engine.render([ChatMessage("user", "What is the capital of France?")])
    request = GenerationRequest("capital", prompt, Sampling(temperature=0.0, max_tokens=16))
    return "".join([delta.text async for delta in engine.generate(request)])


@pytest.mark.parametrize("path", SAID)
async def test_it_starts_answers_and_says_what_computes(demo_data_dir: Path, path: MoePath) -> None:
    async with started(path, demo_data_dir) as engine:
        assert engine.info.experts == SAID[path]
        said = await answer(engine)
        assert said
        assert "Paris" in said or path == "stock"  # what vLLM's own experts make of it is theirs
        ((*layers,),) = await engine.call_workers("outrider_experts")
        assert {layer["method"] for layer in layers} == {METHODS[path]}
        assert all(layer["calls"] > 5 for layer in layers) == (path != "stock")


async def test_where_our_plugin_did_nothing_the_start_fails_with_the_reason(
    demo_data_dir: Path,
) -> None:
    fault = "tests.support.unchanged_worker.UnchangedWorker"
    engine = engine_with("custom", demo_data_dir, worker_cls=fault)
    with pytest.raises(ExpertsNotProven) as refused:
        await engine.start(quiet)
    assert "30 of 30 expert layers don't run what OUTRIDER_ENGINE__MOE=custom" in str(refused.value)
    assert "model.layers.0.feed_forward.experts of worker 0" in str(refused.value)
    assert "UnquantizedFusedMoEMethod: our plugin did not replace it" in str(refused.value)
    health = await engine.health()
    assert health.state == "stopped"
    assert health.detail == str(refused.value)
    assert not [process for process in engine._processes if process.is_running()]
