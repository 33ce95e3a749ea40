"""`outrider eval` against a whole running Outrider, with lm-eval itself, and what may go wrong."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from assistant.errors import AssistantError
from tests.support.program import Program, programs


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    quick = {"ENGINE__SCRIPTED__TOKENS_PER_SECOND": "5000"}
    with programs() as make:
        one = make(tmp_path_factory.mktemp("evaluated") / "data", settings=quick)
        one.start()
        await one.until_ready()
        yield one


async def evaluated(
    server: Program, *arguments: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "bots.cli", "eval", *arguments],
        cwd=server.folder,
        env={**server.environment(), **settings},
        capture_output=True,
        text=True,
        timeout=100,
    )


async def test_our_own_task_is_asked_and_judged(server: Program) -> None:
    """The scripted engine repeats the question, and no question has its own answer in it."""
    done = await evaluated(server, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "model": "scripted",
        "profile": "scripted",
        "quantization": "",
        "scores": [
            {
                "task": "outrider_basics",
                "metric": "answered",
                "value": 0.0,
                "stderr": 0.0,
                "questions": 40,
            }
        ],
    }


async def test_a_table_shows_the_task_and_how_many_were_asked(server: Program) -> None:
    done = await evaluated(server, "outrider_basics", "--limit", "3")
    assert "model scripted  profile scripted" in done.stdout
    row = next(line for line in done.stdout.splitlines() if "outrider_basics" in line)
    assert row.split() == ["outrider_basics", "answered", "0.0000", "0.0000", "3"]


def test_a_task_that_cant_be_asked_is_refused_before_anything_is_downloaded() -> None:
    from lm_eval.tasks import TaskManager

    from bots.cli.evaluation.harness import refuse_what_cant_be_asked

    manager = TaskManager()
    for task, sentence in {
        "no_such_task": "lm-eval has no task 'no_such_task'",
        "hellaswag": "'hellaswag' compares the probabilities of given answers",
        "humaneval": "'humaneval' runs code that the model writes",
    }.items():
        with pytest.raises(AssistantError, match=sentence):
            refuse_what_cant_be_asked([task], manager)
    refuse_what_cant_be_asked(["gsm8k_cot"], manager)


async def test_a_refusal_of_the_api_is_shown_and_the_key_is_not(server: Program) -> None:
    key = "sk-not-the-right-one-at-all"
    done = await evaluated(server, OUTRIDER_API__KEY=key)
    assert done.returncode == 1
    assert "A valid key is needed" in done.stderr
    assert "Traceback" not in done.stderr
    assert key not in done.stdout + done.stderr


async def test_without_a_running_outrider_it_says_how_to_start_one(
    tmp_path: Path, outrider: Callable[..., Program]
) -> None:
    refusal = await outrider(tmp_path / "data", command=("eval",)).refusal()
    assert "start it with 'outrider run', then evaluate it" in refusal
