"""How old a token is when it reaches whoever shows it: many replies at once, two processes.

A stamping worker produces; a reader process follows every turn as a gateway does. Between them are
the writer's collecting, Valkey and the reader. The platform and its limits are not part of it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from redis.asyncio import Redis

from assistant.accounts import Accounts
from assistant.incoming.intake import Intake
from assistant.messages import ChatRef, IncomingMessage
from assistant.signals import Signals
from assistant.storage.database import open_database
from assistant.storage.embedded import embedded_valkey
from tests.benchmarks.cpu import seconds_by_kind
from tests.benchmarks.postgres import measured_postgres
from tests.benchmarks.program import scratch
from tests.benchmarks.stamping import stamping_worker
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.support.program import Program

STREAMS = 200
TOKENS_PER_SECOND = 30
GIVE_UP_SECONDS = 300.0
LINE_BYTES = 1 << 28
SETTLE_SECONDS = 1.0  # from the last stream's claim to the measurement of processor time
KINDS = {
    "tests.benchmarks.stamping": "worker",
    "tests.benchmarks.delta_reader": "reader",
    "postgres": "postgres",
    "valkey": "valkey",
}

Stream = Sequence[tuple[int, int]]  # of each token (produced, arrived), in microseconds


@dataclass(frozen=True, slots=True)
class Run:
    """`shares` are cores that were busy, by kind of process, while all streams ran."""

    streams: Sequence[Stream]
    shares: Mapping[str, float]

    @property
    def begun(self) -> int:
        return max(stream[0][0] for stream in self.streams)

    @property
    def ending(self) -> int:
        return min(stream[-1][0] for stream in self.streams)

    def ages(self) -> list[float]:
        """Milliseconds of the tokens that were produced while all streams ran."""
        return [
            (arrived - produced) / 1000
            for stream in self.streams
            for produced, arrived in stream
            if self.begun <= produced <= self.ending
        ]

    def rate(self) -> float:
        """Tokens a second that were produced in that time."""
        return len(self.ages()) / ((self.ending - self.begun) / 1e6)


async def measure(effort: Effort) -> Table:
    streams, seconds = (50, 8) if effort.quick else (STREAMS, 30)
    with scratch() as folder:
        run = await _run(folder, streams, seconds * TOKENS_PER_SECOND)
    everything = [(arrived - produced) / 1000 for one in run.streams for produced, arrived in one]
    return Table(
        f"From the engine to the channel, {streams} streams of {TOKENS_PER_SECOND} tokens/s",
        [
            Row(
                "a token's age while all stream", "ms", run.ages(), Target("at most", 100, of="p99")
            ),
            Row("with the beginning and the end", "ms", everything),
            Row("produced while all stream", "tokens/s", [run.rate()]),
            *(Row(f"busy: {kind}", "cores", [share]) for kind, share in run.shares.items()),
        ],
        [
            f"answers of {seconds} s; the worker collects deltas for 25 ms, so half of that is in "
            "each age",
            "worker and reader are processes of their own; a checkpoint of each turn each second "
            "is part of the load",
        ],
    )


async def _run(folder: Path, streams: int, tokens: int) -> Run:
    async with (
        measured_postgres(folder) as postgres,
        embedded_valkey(folder) as redis,
    ):
        settings = {
            "ENGINE__PROFILE": "scripted",
            "ENGINE__SCRIPTED__ANSWER_TOKENS": str(tokens),
            "ENGINE__SCRIPTED__TOKENS_PER_SECOND": str(TOKENS_PER_SECOND),
            "ASSISTANT__CONCURRENT_TURNS": str(streams),
            "DATABASE_URL": postgres,
            "REDIS_URL": redis,
        }
        program = Program(folder / "worker", settings, command=("worker",))
        async with stamping_worker(program), _reader(program) as reader:
            await _until_a_worker_is_there(redis)
            await _tell(reader, await _questions(postgres, redis, streams))
            shares = await _shares(postgres, tokens / TOKENS_PER_SECOND)
            async with asyncio.timeout(GIVE_UP_SECONDS):
                run = Run(json.loads(await _line(reader)), shares)
    if run.begun >= run.ending:
        raise RuntimeError("the first answers had ended before the last began")
    return run


async def _questions(postgres: str, redis: str, streams: int) -> Sequence[int]:
    """Ask as many questions as there are streams; returns their turns."""
    async with (
        open_database(postgres) as database,
        Redis.from_url(redis, decode_responses=True, socket_timeout=None) as client,
    ):
        account = (await Accounts(database).register("web", "default", delivered=False)).id
        intake, signals = Intake(database), Signals(client)
        turns = []
        for number in range(streams):
            chat = ChatRef("web", "default", f"chat-{number}")
            message = IncomingMessage(chat, f"{number}", f"{number}", f"{number}", "", "Go on.")
            turns.append((await intake.store(account, message, delivered=False)).turn_id)
        await signals.wake_worker(turns[0])
    return turns


async def _until_a_worker_is_there(redis: str) -> None:
    async with (
        Redis.from_url(redis, decode_responses=True, socket_timeout=None) as client,
        asyncio.timeout(GIVE_UP_SECONDS),
    ):
        while not any(one.state == "ready" for one in await Signals(client).workers()):
            await asyncio.sleep(0.05)


async def _shares(postgres: str, stream_seconds: float) -> Mapping[str, float]:
    """Busy cores by kind, over the middle of the time in which all streams run."""
    waiting = "SELECT count(*) FROM turns WHERE state = 'queued'"
    async with (
        await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection,
        asyncio.timeout(GIVE_UP_SECONDS),
    ):
        while (await (await connection.execute(waiting)).fetchone()) != (0,):
            await asyncio.sleep(0.2)
    await asyncio.sleep(SETTLE_SECONDS)
    before, begun = seconds_by_kind(KINDS), time.monotonic()
    await asyncio.sleep(stream_seconds / 2)
    after, seconds = seconds_by_kind(KINDS), time.monotonic() - begun
    return {kind: (after[kind] - before.get(kind, 0.0)) / seconds for kind in KINDS.values()}


@asynccontextmanager
async def _reader(program: Program) -> AsyncIterator[Process]:
    """The reader process, ready; killed at the end where it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.delta_reader"),
        cwd=program.folder,
        env=program.environment(),
        stdin=PIPE,
        stdout=PIPE,
        limit=LINE_BYTES,
    )
    try:
        await _line(process)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _tell(process: Process, value: Any) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(value).encode() + b"\n")
    await process.stdin.drain()


async def _line(process: Process) -> bytes:
    """Raises RuntimeError where it has ended; what it said of it is on our standard error."""
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError("the reader ended")
    return line
