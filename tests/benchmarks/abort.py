"""From an answer's abort to the slot that it frees: how soon the one behind it begins.

The engine has one slot. A long answer holds it, a short one waits; the long one is cancelled, as
when a client goes away, and the short one's first token is waited for. The same short question to
an idle engine is the bound: what is above it is the abort's own time.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, replace

from inference.api import ChatMessage, Engine, GenerationRequest, Sampling
from inference.profiles import profile_named
from inference.vllm_engine.engine import VllmEngine
from tests.benchmarks.program import demo_data_dir, scratch
from tests.benchmarks.table import Effort, Row, Table

LONG = "Write a long story about a fisherman and the sea."
SHORT = "What is the capital of France?"
ABORTS = 120


@dataclass(slots=True)
class Asking:
    engine: Engine
    asked: int = 0

    async def first_token(self, text: str, most: int) -> asyncio.Task[float]:
        """A question that is under way; its task ends with the answer, with the moment of its
        first token."""
        self.asked += 1
        prompt = await self.engine.render([ChatMessage("user", text)])
        sampling = Sampling(temperature=0.0, max_tokens=most)
        request = GenerationRequest(f"abort-{self.asked}", prompt, sampling)
        return asyncio.create_task(self._answer(request))

    async def _answer(self, request: GenerationRequest) -> float:
        first = 0.0
        async with aclosing(self.engine.generate(request)) as deltas:  # type: ignore[type-var]
            async for _ in deltas:
                first = first or time.perf_counter()
        return first


async def measure(effort: Effort) -> Table:
    freed, idle = [], []
    with scratch() as folder:
        model = next((await demo_data_dir(folder) / "models").iterdir()).resolve()
        alone = replace(profile_named("demo"), max_num_seqs=1)
        engine = VllmEngine(alone, lambda progress: str(model))
        await engine.start(lambda line, share: None)
        try:
            asking = Asking(engine)
            for _ in range(effort.repetitions(ABORTS, 3)):
                idle.append(await _alone(asking))
                freed.append(await _behind_another(asking))
        finally:
            await engine.stop()
    return Table(
        "From an abort to the next answer, demo model",
        [
            Row("abort to the first token of the one that waited", "s", freed),
            Row("question to first token with nothing before it", "s", idle),
        ],
        [f"{len(freed)} aborts of an engine with one slot; the second row is the bound"],
    )


async def _alone(asking: Asking) -> float:
    begun = time.perf_counter()
    return await (await asking.first_token(SHORT, 1)) - begun


async def _behind_another(asking: Asking) -> float:
    long = await asking.first_token(LONG, 512)
    await asyncio.sleep(0.2)  # it decodes
    short = await asking.first_token(SHORT, 1)
    await asyncio.sleep(0.1)  # it waits
    aborted = time.perf_counter()
    long.cancel()
    await asyncio.wait({long})
    return await short - aborted
