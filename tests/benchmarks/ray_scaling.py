"""Tokens per second of one and of two replicas of the demo model on Ray Serve, and of none.

All through the `Engine` port in one process, with the same questions at once. What a second replica
brings is bounded by the machine's cores: on two of them it shows what Ray costs and that failover
is had, not how replicas scale on cards of their own.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

from inference.api import ChatMessage, Engine, GenerationRequest, Sampling
from inference.settings import EngineSettings
from inference.start import build_engine
from tests.benchmarks.batch import ANSWER_TOKENS, Answer, Batch, prompts
from tests.benchmarks.program import demo_data_dir, scratch
from tests.benchmarks.table import Effort, Row, Table

STREAMS = (1, 8)
BATCHES = 5
SERVED = {
    "in this process, without Ray": EngineSettings(profile="demo"),
    "one replica": EngineSettings(profile="demo", ray_serve=True, replicas=1),
    "two replicas": EngineSettings(profile="demo", ray_serve=True, replicas=2),
}


async def measure(effort: Effort) -> Table:
    rows = []
    with scratch() as folder:
        data_dir = await demo_data_dir(folder)
        for named, settings in SERVED.items():
            rows += await _rows(named, settings, data_dir, effort)
    notes = [
        f"{len(os.sched_getaffinity(0))} cores for all of them: two replicas share what one has",
        f"answers of {ANSWER_TOKENS} tokens, from the first question to the last answer's end; "
        "after one batch that isn't counted",
    ]
    return Table("Replicas on Ray Serve, demo model", rows, notes)


async def _rows(named: str, settings: EngineSettings, data_dir: Path, effort: Effort) -> list[Row]:
    engine = build_engine(settings, data_dir)
    begun = time.perf_counter()
    try:
        await engine.start(lambda line, share: None)
        started = time.perf_counter() - begun
        await _batch(engine, prompts(8))
        rows = [Row(f"{named}: start", "s", [started])]
        for streams in STREAMS:
            batches = [
                await _batch(engine, prompts(8)[:streams])
                for _ in range(effort.repetitions(BATCHES))
            ]
            what = f"{named}: {streams} stream{'' if streams == 1 else 's'}"
            rows.append(Row(what, "tokens/s", [one.whole_rate for one in batches]))
        return rows
    finally:
        await engine.stop()


async def _batch(engine: Engine, prompts: Sequence[str]) -> Batch:
    begun = time.perf_counter()
    answers = await asyncio.gather(*(_answer(engine, one) for one in prompts))
    return Batch(answers, begun, time.perf_counter())


async def _answer(engine: Engine, question: str) -> Answer:
    prompt = await engine.render([ChatMessage("user", question)])
    sampling = Sampling(temperature=0.0, max_tokens=ANSWER_TOKENS)
    tokens, first, last = 0, 0.0, 0.0
    async for delta in engine.generate(GenerationRequest(question, prompt, sampling)):
        last = time.perf_counter()
        first = first or last
        tokens += len(delta.token_ids)
    return Answer(tokens, first, last)
