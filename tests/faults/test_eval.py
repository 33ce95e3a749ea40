"""`outrider eval` against a whole running Outrider, with lm-eval itself, and what may go wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import Program

Make = Callable[..., Program]


@pytest.fixture
async def server(outrider: Make, tmp_path: Path, database_url: str, redis_url: str) -> Program:
    urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    quick = {"ENGINE__SCRIPTED__TOKENS_PER_SECOND": "5000"}
    one = outrider(tmp_path / "data", settings=urls | quick)
    one.start()
    await one.until_ready()
    return one


async def evaluated(outrider: Make, server: Program, *arguments: str) -> Program:
    program = outrider(server.data_dir, command=("eval", *arguments))
    program.start()
    await program.ended(100)
    return program


async def test_our_own_task_is_asked_and_judged(outrider: Make, server: Program) -> None:
    """The scripted engine repeats a question, so what is right of its answers is known."""
    done = await evaluated(outrider, server, "--json")
    said = json.loads(done.output.strip().splitlines()[-1])
    score = said.pop("scores")[0]
    assert said == {"model": "scripted", "profile": "scripted", "quantization": ""}
    assert (score["task"], score["metric"], score["questions"]) == (
        "outrider_basics",
        "answered",
        40,
    )
    right = 0  # no question has its own answer in it
    assert score["value"] == right / 40
    assert score["stderr"] == 0


async def test_a_table_shows_the_task_and_how_many_were_asked(
    outrider: Make, server: Program
) -> None:
    done = await evaluated(outrider, server, "outrider_basics", "--limit", "3")
    assert "model scripted  profile scripted" in done.output
    row = next(line for line in done.output.splitlines() if "outrider_basics" in line)
    assert row.split() == ["outrider_basics", "answered", "0.0000", "0.0000", "3"]


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ("no_such_task", "lm-eval has no task 'no_such_task'"),
        ("hellaswag", "compares the probabilities of given answers"),
    ],
)
async def test_a_task_that_cant_be_run_is_one_sentence(
    outrider: Make, server: Program, task: str, sentence: str
) -> None:
    done = await evaluated(outrider, server, task)
    assert await done.ended() == 1
    assert sentence in done.output
    assert "Traceback" not in done.output


async def test_without_a_running_outrider_it_says_how_to_start_one(
    outrider: Make, tmp_path: Path
) -> None:
    refusal = await outrider(tmp_path / "data", command=("eval",)).refusal()
    assert "start it with 'outrider run', then evaluate it" in refusal


async def test_a_refusal_of_the_api_is_shown_and_the_key_is_not(
    outrider: Make, server: Program
) -> None:
    other = {"API__KEY": "sk-not-the-right-one-at-all"}
    program = outrider(server.data_dir, command=("eval",), settings=other)
    refusal = await program.refusal()
    assert "A valid key is needed" in refusal
    assert "sk-not" not in refusal
