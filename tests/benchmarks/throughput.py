"""Tokens per second through the web chat, against the bare AsyncLLM with the same arguments.

One of the two runs at a time, each in processes of its own; a round has both, and rounds change
which is first. The texts may differ (the batches fall otherwise); tokens are what is counted.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg

from assistant.embedded import running_postgres
from assistant.settings import DEFAULT_SYSTEM_PROMPT
from tests.benchmarks.batch import ANSWER_TOKENS, PROMPTS, Answer, Batch
from tests.benchmarks.machine import ROOT
from tests.benchmarks.program import DEMO, READY_SECONDS, demo_data_dir, scratch, started
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.benchmarks.web_chat import Exchange, web_chat
from tests.support.program import Program

STREAMS = (1, 8)
BATCHES = 3  # of each number of streams in a round, after one that is not counted
TARGET = Target("at least", 0.95)

# For each number of streams, the batches of one round.
Round = dict[int, list[Batch]]


async def measure(effort: Effort) -> Table:
    batches = effort.repetitions(BATCHES)
    web: list[Round] = []
    bare: list[Round] = []
    with scratch() as folder:
        data_dir = await demo_data_dir(folder)
        for number in range(effort.repetitions(4)):
            if number % 2:
                bare.append(await _bare_round(data_dir, folder, batches))
                web.append(await _web_round(data_dir, batches))
            else:
                web.append(await _web_round(data_dir, batches))
                bare.append(await _bare_round(data_dir, folder, batches))
    rows = [row for streams in STREAMS for row in _rows(streams, web, bare)]
    return Table("Tokens per second, demo model", rows, _notes(web, bare, batches))


async def _web_round(data_dir: Path, batches: int) -> Round:
    settings = DEMO | {"ASSISTANT__ANSWER_TOKENS": str(ANSWER_TOKENS)}
    async with started(Program(data_dir, settings)) as program, web_chat(program.url) as chat:
        asked = [await chat.ask_at_once(prompts) for prompts in _plan(batches)]
        tokens = await asyncio.to_thread(_tokens_of_turns, data_dir)
    return _by_streams([_batch(exchanges, tokens) for exchanges in asked])


async def _bare_round(data_dir: Path, folder: Path, batches: int) -> Round:
    request, result = folder / "request.json", folder / "result.json"
    model = next((data_dir / "models").iterdir()).resolve()
    asked = {
        "model": str(model),
        "system": DEFAULT_SYSTEM_PROMPT,
        "batches": _plan(batches),
        "answer_tokens": ANSWER_TOKENS,
    }
    request.write_text(json.dumps(asked))
    await asyncio.to_thread(_run_bare_engine, request, result)
    return _by_streams([_read(batch) for batch in json.loads(result.read_text())])


def _run_bare_engine(request: Path, result: Path) -> None:
    """Raises RuntimeError, with what it said."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.bare_engine", str(request), str(result)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=READY_SECONDS,
        check=False,
    )
    if ended.returncode != 0:
        raise RuntimeError(ended.stdout[-4000:])


def _plan(batches: int) -> list[Sequence[str]]:
    return [PROMPTS[:streams] for streams in STREAMS for _ in range(1 + batches)]


def _by_streams(batches: Sequence[Batch]) -> Round:
    """Without the first batch of each number of streams, which warms up."""
    return {
        streams: [batch for batch in batches if len(batch.answers) == streams][1:]
        for streams in STREAMS
    }


def _batch(exchanges: Sequence[Exchange], tokens: dict[int, int]) -> Batch:
    answers = [Answer(tokens[one.turn_id], one.first_text, one.last_text) for one in exchanges]
    begun, ended = min(one.sent for one in exchanges), max(one.ended for one in exchanges)
    return Batch(answers, begun, ended)


def _tokens_of_turns(data_dir: Path) -> dict[int, int]:
    """Output tokens of each turn, as the engine counted them."""
    url = running_postgres(data_dir)
    if url is None:
        raise RuntimeError("the program's database doesn't answer")
    with psycopg.connect(url, connect_timeout=5) as connection:
        return dict(connection.execute("SELECT id, output_tokens FROM turns").fetchall())


def _read(batch: dict[str, Any]) -> Batch:
    return Batch([Answer(**one) for one in batch["answers"]], batch["begun"], batch["ended"])


def _rows(streams: int, web: Sequence[Round], bare: Sequence[Round]) -> list[Row]:
    named = f"{streams} stream{'' if streams == 1 else 's'}"
    rows = []
    for what, kind in (("decode", "decode_rate"), ("whole", "whole_rate")):
        ours, theirs = _rates(streams, kind, web), _rates(streams, kind, bare)
        ratios = [_mean(one) / _mean(other) for one, other in zip(ours, theirs, strict=True)]
        rows += [
            Row(f"{named}, {what}: web chat", "tokens/s", [*chain(*ours)]),
            Row(f"{named}, {what}: bare AsyncLLM", "tokens/s", [*chain(*theirs)]),
            Row(f"{named}, {what}: ratio by round", "", ratios, TARGET),
        ]
    return rows


def _rates(streams: int, kind: str, rounds: Sequence[Round]) -> list[list[float]]:
    return [[getattr(batch, kind) for batch in one[streams]] for one in rounds]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _notes(web: Sequence[Round], bare: Sequence[Round], batches: int) -> list[str]:
    lengths = [
        answer.tokens
        for rounds in (web, bare)
        for one in rounds
        for several in one.values()
        for batch in several
        for answer in batch.answers
    ]
    return [
        f"{len(web)} rounds, {batches} batches of each number of streams in each, after one that "
        f"isn't counted; answers of {min(lengths)} to {max(lengths)} tokens",
        "decode: from the first token to the last; whole: from the question to the answer's end, "
        "with everything that Outrider does before and after",
    ]
