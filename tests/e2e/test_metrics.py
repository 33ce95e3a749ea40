"""What Prometheus reads of the whole program after real turns, and what the dashboard asks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import httpx
import pytest
from openai import AsyncOpenAI
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.conftest import Light
from tests.support.house import until
from tests.support.program import ROOT, stream

pytestmark = [pytest.mark.model, pytest.mark.timeout(420)]

SECONDS = 120
TURNS = "outrider_turns_total"
ENDINGS = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


async def test_every_metric_of_the_dashboard_exists_after_a_turn(light: Light) -> None:
    light.telegram.user_says(701, "What is the capital of France?")
    await light.telegram.until(
        lambda: "Paris" in "".join(one.text for one in light.telegram.messages(701)), SECONDS
    )
    text = await scraped(light)
    there = {
        family.name + ending
        for family in text_string_to_metric_families(text)
        for ending in ENDINGS[family.type]
    }
    asked = {name for one in expressions() for name in re.findall(r"\boutrider_[a-z_]+", one)}
    assert len(asked) > 15
    assert asked <= there


async def test_the_engines_own_statistics_are_passed_through(light: Light) -> None:
    before = samples(await scraped(light))
    async with AsyncOpenAI(base_url=f"{light.outrider.url}/v1", api_key=light.outrider.key) as api:
        messages = [{"role": "user", "content": "Tell me a story about a heron."}]
        done = await api.chat.completions.create(
            model="outrider", messages=messages, max_tokens=20, temperature=0.0
        )
    after = samples(await scraped(light))

    def grown(name: str) -> float:
        full = f"outrider_engine_{name}"
        return after[full] - before[full]

    assert grown("output_tokens_total") == done.usage.completion_tokens == 20
    assert grown("prompt_tokens_total") == done.usage.prompt_tokens
    assert grown("time_to_first_token_seconds_count") == 1
    assert grown("time_per_output_token_seconds_count") == 19
    assert grown("queue_seconds_count") == grown("request_seconds_count") == 1
    assert grown("request_seconds_sum") > grown("time_to_first_token_seconds_sum") > 0
    assert grown("prefix_cache_queries_total") > 0
    assert after["outrider_engine_batch_size"] == after["outrider_engine_requests_waiting"] == 0


async def test_a_client_that_goes_away_frees_its_place_in_the_engine(light: Light) -> None:
    pieces = stream(light.outrider, "Write a very long story about a dog and a cat.")
    for _ in range(3):
        await anext(pieces)
    text = await scraped(light)
    assert samples(text)["outrider_engine_batch_size"] == 1
    await pieces.aclose()

    async def free() -> bool:
        seen = samples(await scraped(light))
        return not seen["outrider_engine_batch_size"] and not seen["outrider_turns_running"]

    await until(free, SECONDS)
    assert stopped(await scraped(light)) == stopped(text) + 1, "it was not written to its end"


async def test_the_phases_of_the_start_are_named_and_timed(light: Light) -> None:
    families = text_string_to_metric_families(await scraped(light))
    (start,) = [one for one in families if one.name == "outrider_engine_start_seconds"]
    seconds = {one.labels["phase"]: one.value for one in start.samples}
    expected = ["loading vLLM", "loading the weights", "allocating the cache", "warming up"]
    assert [phase for phase in expected if seconds.get(phase, 0) > 0] == expected
    (line,) = [one for one in light.outrider.output.splitlines() if "engine_ready" in one]
    assert all(phase in line for phase in expected)


def expressions() -> Iterable[str]:
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "outrider.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


async def scraped(light: Light) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.get(f"{light.outrider.url}/metrics")
        assert response.status_code == 200
        return response.text


def stopped(text: str) -> float:
    families = text_string_to_metric_families(text)
    turns = [one for family in families for one in family.samples if one.name == TURNS]
    return sum(one.value for one in turns if one.labels["outcome"] == "stopped")


def samples(text: str) -> dict[str, float]:
    """Sums over all labels."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            found[one.name] = found.get(one.name, 0.0) + one.value
    return found
