"""Tokens per second and time to the first through the web chat, against the bare AsyncLLM with the
same arguments.

Both are started once, each in processes of its own, and then answer by turns: one batch here, the
same batch there, and the order changes. Only one of the two generates at a time, and what a noisy
machine does to one it does to its neighbour in time. The texts may differ (the batches fall
otherwise); tokens are what is counted.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from assistant.settings import DEFAULT_SYSTEM_PROMPT
from assistant.storage.embedded import running_postgres
from tests.benchmarks.batch import ANSWER_TOKENS, Answer, Batch, pages, prompts
from tests.benchmarks.machine import ROOT
from tests.benchmarks.program import DEMO, READY_SECONDS, demo_data_dir, scratch, started
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.benchmarks.web_chat import Exchange, WebChat, web_chat
from tests.support.program import Program

# What is asked at once, given the number of the pair.
ASKED: Mapping[str, Callable[[int], Sequence[str]]] = {
    "1 stream": lambda pair: pages(1, pair),
    "8 streams": lambda pair: pages(8, pair),
    "32 streams": lambda pair: pages(32, pair),
    "1 stream, short": lambda pair: prompts(1),
    "8 streams, short": lambda pair: prompts(8),
}
PAIRS = 4
TARGET = Target("at least", 0.97)


@dataclass(slots=True)
class Pairs:
    """The batches of one number of streams; those at one index were neighbours in time."""

    web: list[Sequence[Exchange]] = field(default_factory=list)
    bare: list[Batch] = field(default_factory=list)


async def measure(effort: Effort) -> Table:
    pairs = {what: Pairs() for what in ASKED}
    with scratch() as folder:
        data_dir = await demo_data_dir(folder)
        settings = DEMO | {"ASSISTANT__ANSWER_TOKENS": str(ANSWER_TOKENS)}
        async with (
            _bare_engine(data_dir, folder) as socket,
            started(Program(data_dir, settings)) as program,
            web_chat(program.url) as chat,
        ):
            for number in range(1 + effort.repetitions(PAIRS)):
                for what, asked in ASKED.items():
                    await _pair(pairs[what], asked(number), chat, socket, number % 2 == 0)
            tokens = await asyncio.to_thread(_tokens_of_turns, data_dir)
    rows = [row for what, pair in pairs.items() for row in _rows(what, pair, tokens)]
    return Table("Tokens per second, demo model", rows, _notes(pairs, tokens))


async def _pair(
    pairs: Pairs, prompts: Sequence[str], chat: WebChat, socket: Path, web_first: bool
) -> None:
    if web_first:
        pairs.web.append(await chat.ask_at_once(prompts))
    pairs.bare.append(await _ask_bare_engine(socket, prompts))
    if not web_first:
        pairs.web.append(await chat.ask_at_once(prompts))


@asynccontextmanager
async def _bare_engine(data_dir: Path, folder: Path) -> AsyncIterator[Path]:
    """Its socket. Raises RuntimeError, with what it said, when it doesn't start."""
    model = next((data_dir / "models").iterdir()).resolve()
    socket, said = folder / "bare.sock", folder / "bare.log"
    with said.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "tests.benchmarks.bare_engine", str(model), str(socket)],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        async with asyncio.timeout(READY_SECONDS):
            while not socket.exists():
                if process.returncode is not None:
                    raise RuntimeError(said.read_text(errors="replace")[-4000:])
                await asyncio.sleep(0.2)
        yield socket
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _ask_bare_engine(socket: Path, prompts: Sequence[str]) -> Batch:
    reader, writer = await asyncio.open_unix_connection(socket, limit=2**24)
    request = {
        "system": DEFAULT_SYSTEM_PROMPT,
        "prompts": list(prompts),
        "answer_tokens": ANSWER_TOKENS,
    }
    writer.write(json.dumps(request).encode() + b"\n")
    answered = json.loads(await reader.readline())
    writer.close()
    answers = [Answer(**one) for one in answered["answers"]]
    return Batch(answers, answered["begun"], answered["ended"])


def _tokens_of_turns(data_dir: Path) -> dict[int, int]:
    """Output tokens of each turn, as the engine counted them."""
    url = running_postgres(data_dir)
    if url is None:
        raise RuntimeError("the program's database doesn't answer")
    with psycopg.connect(url, connect_timeout=5) as connection:
        return dict(connection.execute("SELECT id, output_tokens FROM turns").fetchall())


def _batch(exchanges: Sequence[Exchange], tokens: dict[int, int]) -> Batch:
    answers = [Answer(tokens[one.turn_id], one.first_text, one.last_text) for one in exchanges]
    begun, ended = min(one.sent for one in exchanges), max(one.ended for one in exchanges)
    return Batch(answers, begun, ended)


def _rows(what: str, pairs: Pairs, tokens: dict[int, int]) -> list[Row]:
    """Without the first pair, which warms up."""
    web, bare = [_batch(one, tokens) for one in pairs.web[1:]], pairs.bare[1:]
    kinds = {"decode": "decode_rate", "whole": "whole_rate"}
    if "short" not in what:  # while the first answers are written, pages are still read
        del kinds["decode"]
    rows = []
    for part, kind in kinds.items():
        ours, theirs = ([float(getattr(one, kind)) for one in side] for side in (web, bare))
        ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
        rows += [
            Row(f"{what}, {part}: web chat", "tokens/s", ours),
            Row(f"{what}, {part}: bare AsyncLLM", "tokens/s", theirs),
            Row(f"{what}, {part}: ratio by pair", "", ratios, TARGET),
        ]
    ours, theirs = ([one.first_token for one in side] for side in (web, bare))
    ratios = [other / one for one, other in zip(ours, theirs, strict=True)]
    return [
        *rows,
        Row(f"{what}, first token: web chat", "s", ours),
        Row(f"{what}, first token: bare AsyncLLM", "s", theirs),
        Row(f"{what}, first token: bare / web chat by pair", "", ratios, TARGET),
    ]


def _notes(pairs: Mapping[str, Pairs], tokens: dict[int, int]) -> list[str]:
    lengths = [
        answer.tokens
        for one in pairs.values()
        for batch in (*one.bare, *(_batch(exchanges, tokens) for exchanges in one.web))
        for answer in batch.answers
    ]
    return [
        f"{len(pairs['1 stream'].bare) - 1} pairs of batches of each kind, by turns and in "
        "changing order, after one pair that isn't counted; answers of "
        f"{min(lengths)} to {max(lengths)} tokens; a question is about a page of "
        "text and has some 650 tokens, a short one 40",
        "decode, of short ones: from the first token to the last; whole: from the question to the "
        "answer's end, with everything that Outrider does before and after; first token: the "
        "median of a batch's answers; the demo profile decodes 16 answers together, so half of 32 "
        "wait on both sides",
    ]
