"""What is fair and what is cached, with the demo model: inside the engine, and in the house."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from assistant.fair import BACKGROUND_WORK, PERSON
from assistant.messages import ChatRef
from inference.api import ChatMessage, GenerationRequest, Sampling
from inference.settings import EngineSettings
from inference.start import build_engine
from tests.support.demo import quiet, words
from tests.support.house import FAST, House, house, until, working

pytestmark = [pytest.mark.model, pytest.mark.timeout(400)]

# Of a CPU's prefix cache one hit is 128 tokens or more.
LONG = FAST.model_copy(
    update={
        "system_prompt": f"You are helpful. These are words: {words(200)}",
        "answer_tokens": 12,
        "lease_seconds": 5.0,
    }
)


def chat(number: int) -> ChatRef:
    return ChatRef("telegram", "default", f"{number}")


async def cached(home: House, text: str, number: int) -> tuple[int, int, str]:
    """Tokens of the prompt, those that were cached, and who answered."""
    turn = (await home.say(text, chat=chat(number), sender_id=f"{number}")).turn_id
    _, last = await home.answer(turn)
    assert last.state == "done"
    ((prompt, found, worker),) = await home.rows(
        "SELECT prompt_tokens, cached_tokens, worker FROM turns WHERE id = %(turn)s",
        {"turn": turn},
    )
    return prompt, found, worker


async def test_a_person_overtakes_background_work_that_waits_inside_the_engine(
    demo_data_dir: Path,
) -> None:
    engine = build_engine(EngineSettings(max_num_seqs=1), demo_data_dir)
    await engine.start(quiet)
    ended: list[str] = []

    async def answer(name: str, priority: int, tokens: int) -> None:
        prompt = await engine.render([ChatMessage("user", f"Tell me about {name}.")])
        sampling = Sampling(temperature=0.0, max_tokens=tokens)
        request = GenerationRequest(name, prompt, sampling, priority=priority)
        async for _ in engine.generate(request):
            pass
        ended.append(name)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(answer("rain", PERSON, 60))
            while not engine.statistics().requests_running:
                await asyncio.sleep(0.01)
            group.create_task(answer("snow", BACKGROUND_WORK, 8))
            while engine.statistics().requests_running < 2:
                await asyncio.sleep(0.01)
            group.create_task(answer("wind", PERSON, 8))
    finally:
        await engine.stop()
    assert ended == ["rain", "wind", "snow"]
    assert engine.info.max_num_seqs == 1, "a worker claims by it"


async def test_the_next_turn_and_the_next_person_find_what_they_share_in_the_cache(
    demo_data_dir: Path, database_url: str, redis_url: str
) -> None:
    async with house(database_url, redis_url, settings=LONG) as home:
        engine = build_engine(EngineSettings(), demo_data_dir)
        async with working(home.worker(engine)):
            await until(lambda: home.service.engine_info(), seconds=200)
            _, before, _ = await cached(home, "What is rain?", 1)
            prompt, second, _ = await cached(home, f"And this? {words(150)}", 1)
            _, third, _ = await cached(home, "Say it in short.", 1)
            _, other, _ = await cached(home, "What is snow?", 2)
    assert before == 0
    assert 256 <= second < prompt
    assert third > second, "the history before it is cached as well"
    assert other >= 256, "another person's first turn finds what all share"


@pytest.mark.slow
async def test_of_two_workers_the_one_that_has_the_cache_goes_on(
    demo_data_dir: Path, database_url: str, redis_url: str
) -> None:
    async with house(database_url, redis_url, settings=LONG) as home:
        engines = [build_engine(EngineSettings(), demo_data_dir) for _ in range(2)]
        async with (
            working(home.worker(engines[0], "a")),
            working(home.worker(engines[1], "b")),
        ):
            await until(lambda: both_there(home), seconds=200)
            found = [await cached(home, f"What is rain? {n}", 1) for n in range(4)]
    assert len({worker for _, _, worker in found}) == 1
    assert all(tokens >= 256 for _, tokens, _ in found[1:])


async def both_there(home: House) -> bool:
    return len(await home.signals.free_workers()) == 2
