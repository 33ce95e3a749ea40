"""A request's form, its tools and its probabilities on their way through Postgres and Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest_asyncio

from assistant.messages import ChatRef
from assistant.storage.pruning import Pruning
from inference.api import ChatMessage, OutputFormat, Sampling, Tool, ToolCall
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import House, house, until, working

LOOK = Tool("look", "Looks.", '{"type": "object", "properties": {"at": {"type": "string"}}}')
ASKED = [ChatMessage("user", "Where are the herons?")]
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {f"zebra{number:02}": {"type": "string"} for number in range(30)},
        "required": [f"zebra{number:02}" for number in reversed(range(30))],
    }
)


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


def quick() -> ScriptedEngine:
    return ScriptedEngine(ScriptedSettings(tokens_per_second=2000, answer_tokens=20))


async def request(
    home: House, sampling: Sampling, messages: list[ChatMessage] = ASKED, name: str = "request"
) -> int:
    chat = ChatRef("api", "default", name)
    return (await home.service.accept_request(chat, messages, sampling)).turn_id


async def test_calls_reach_the_reader_with_the_end(home: House) -> None:
    async with working(home.worker(quick())):
        turn = await request(home, Sampling(tools=(LOOK,), tool_choice="look"))
        text, last = await home.answer(turn)
    assert (text, last.finish_reason) == ("", "tool_calls")
    (call,) = last.tool_calls
    assert (call.name, call.arguments) == ("look", "{}")


async def test_who_comes_late_reads_the_same_from_postgres(home: House) -> None:
    async with working(home.worker(quick())):
        turn = await request(home, Sampling(tools=(LOOK,), tool_choice="look"))
        _, live = await home.answer(turn)
    await home.redis.flushall()
    _, stored = await home.answer(turn)
    assert (stored.tool_calls, stored.finish_reason) == (live.tool_calls, "tool_calls")


async def test_the_stop_string_that_ended_an_answer_stands_on_the_turn(home: House) -> None:
    async with working(home.worker(quick())):
        turn = await request(home, Sampling(stop=("herons",)))
        text, last = await home.answer(turn)
    assert text.endswith("Where are the ")
    assert last.stop_reason == "herons"
    assert await home.rows("SELECT stop_reason FROM turns") == [("herons",)]


async def test_a_schema_keeps_its_order_on_its_way(home: House) -> None:
    """jsonb would sort its keys, and the answer would be another one."""
    async with working(home.worker(quick())):
        turn = await request(home, Sampling(format=OutputFormat("json_schema", SCHEMA)))
        text, _ = await home.answer(turn)
    assert [*json.loads(text)] == json.loads(SCHEMA)["required"]


async def test_a_call_and_its_result_are_part_of_the_prompt(home: House) -> None:
    call = ToolCall("c1", "look", "{}")
    messages = [
        *ASKED,
        ChatMessage("assistant", "", tool_calls=(call,)),
        ChatMessage("tool", "At the lake.", tool_call_id="c1"),
        ChatMessage("tool", "And here.", tool_call_id="c2"),
    ]
    kept = ScriptedEngine(ScriptedSettings(tokens_per_second=20, answer_tokens=20))
    async with working(home.worker(kept)):
        turn = await request(home, Sampling(tools=(LOOK,), tool_choice="none"), messages)
        await until(lambda: _prompt(home))
        assert await _prompt(home) == [
            ["user", "Where are the herons?"],
            ["assistant", "", [], [{"id": "c1", "name": "look", "arguments": "{}"}], ""],
            ["tool", "At the lake.", [], [], "c1"],
            ["tool", "And here.", [], [], "c2"],
        ]
        text, _ = await home.answer(turn)
    assert text.startswith("The tool said: And here.")


async def _prompt(home: House) -> object:
    return (await home.rows("SELECT prompt_messages FROM turns"))[0][0]


async def test_probabilities_are_read_once_and_forgotten(home: House) -> None:
    async with working(home.worker(quick())):
        turn = await request(home, Sampling(logprobs=1))
        text, _ = await home.answer(turn)
        unasked = await request(home, Sampling(), name="another")
        await home.answer(unasked)
    given = await home.service.take_logprobs(turn)
    assert "".join(one.token for one in given) == text
    assert given[0].top == ((given[0].token, 0.0),)
    assert await home.service.take_logprobs(turn) == ()
    assert await home.service.take_logprobs(unasked) == ()


async def test_probabilities_that_nobody_reads_are_forgotten(home: House) -> None:
    async with working(home.worker(quick())):
        await home.answer(await request(home, Sampling(logprobs=0)))
    pruning = Pruning(home.database)
    assert await pruning.prune_logprobs() == 0
    await home.rows("UPDATE turns SET finished_at = now() - interval '1 hour' RETURNING id")
    assert await pruning.prune_logprobs() == 1
    assert await home.rows("SELECT FROM turns WHERE logprobs IS NOT NULL") == []


async def test_an_answer_with_a_form_is_begun_anew_by_another_worker(home: House) -> None:
    turn = await request(home, Sampling(format=OutputFormat("json_schema", SCHEMA)))
    pace = {"tokens_per_second": 50.0}
    breaking = ScriptedEngine(ScriptedSettings(**pace, fail_after_tokens=30))
    following = asyncio.create_task(_followed(home, turn))
    async with working(home.worker(breaking)):
        await until(lambda: home.rows("SELECT FROM attempts WHERE error <> ''"))
    async with working(home.worker(ScriptedEngine(ScriptedSettings(**pace)), "another")):
        text, starts = await following
    assert (len(starts), starts[2]) == (2, 0)
    assert [*json.loads(text)] == json.loads(SCHEMA)["required"]


async def _followed(home: House, turn: int) -> tuple[str, dict[int, int]]:
    """The text, and at which character each attempt began."""
    text, starts = "", {}
    async with asyncio.timeout(60):
        async for delta in home.service.follow(turn):
            starts.setdefault(delta.attempt, delta.offset)
            text = text[: delta.offset] + delta.text
    return text, starts


async def test_a_form_that_the_engine_can_not_give_is_an_honest_failure(home: House) -> None:
    async with working(home.worker(quick())):
        turn = await request(home, Sampling(format=OutputFormat("regex", "a+")))
        _, last = await home.answer(turn)
    assert (last.state, last.error_code) == ("failed", "sampling_refused")
    assert last.error.endswith(".")
