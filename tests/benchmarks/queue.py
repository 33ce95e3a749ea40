"""Ten thousand questions that wait: in which order, how fast, and whether a statement gets slow."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from assistant.accounts import Accounts
from assistant.incoming.intake import Intake
from assistant.messages import ChatRef, IncomingMessage
from assistant.storage.database import open_database
from assistant.storage.embedded import embedded_valkey
from tests.benchmarks.postgres import measured_postgres
from tests.benchmarks.program import scratch
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.support.program import Program

CLIENTS = 8
GIVE_UP_SECONDS = 1200.0
AT_ONCE = {  # answers that take no time: what is left is the queue
    "ENGINE__PROFILE": "scripted",
    "ENGINE__SCRIPTED__ANSWER_TOKENS": "1",
    "ENGINE__SCRIPTED__TOKENS_PER_SECOND": "1000000",
}
# A turn that began although one that was due earlier still waited.
OVERTAKING = """
SELECT count(*) FROM (
    SELECT due_at, min(due_at) OVER (ORDER BY attempts.started_at, turns.due_at
        ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS earliest_later
    FROM turns JOIN attempts ON turn_id = turns.id AND number = 1) AS begun
WHERE earliest_later < due_at
"""
DRAINED = """
SELECT count(*), extract(epoch FROM max(finished_at) - min(started_at))::float8
FROM turns WHERE state = 'done'
"""
LIVE = "SELECT count(*) FROM turns WHERE state IN ('queued', 'running')"
# Those of the worker alone: ours ask for counts.
STATEMENTS = """
SELECT query, calls, mean_exec_time, max_exec_time FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND query NOT LIKE '%pg_stat%' AND query NOT LIKE 'SELECT count%'
ORDER BY max_exec_time DESC
"""
CLAIM = "WITH next AS ( SELECT id FROM turns AS waiting"


@dataclass(frozen=True, slots=True)
class Statement:
    query: str
    calls: int
    mean: float
    longest: float


async def measure(effort: Effort) -> Table:
    waiting = effort.repetitions(10_000, quick=500)
    with scratch() as folder:
        done, seconds, overtaking, statements = await _drained(folder, waiting)
    slowest = statements[0]
    claim = next(one for one in statements if one.query.startswith(CLAIM))
    return Table(
        f"{waiting:,} waiting turns, one worker",
        [
            Row("answered", "turns", [done], Target("at least", waiting)),
            Row(
                "begun before one that was due earlier", "turns", [overtaking], Target("at most", 0)
            ),
            Row("turns a second", "turns/s", [done / seconds]),
            Row(
                "slowest execution of any statement",
                "ms",
                [slowest.longest],
                Target("at most", 100),
            ),
            Row("slowest claim", "ms", [claim.longest]),
            Row(f"mean of {claim.calls:,} claims", "ms", [claim.mean]),
        ],
        [
            f"{waiting:,} conversations with a question each, then a worker of 32 turns at once "
            "whose answers take no time",
            f"the slowest (pg_stat_statements, without its commit): {slowest.query[:100]} …",
        ],
    )


async def _drained(folder: Path, waiting: int) -> tuple[int, float, int, Sequence[Statement]]:
    async with (
        measured_postgres(folder, shared_preload_libraries="pg_stat_statements") as postgres,
        embedded_valkey(folder) as redis,
        await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection,
    ):
        await connection.execute("CREATE EXTENSION pg_stat_statements")
        await _fill(postgres, waiting)
        await connection.execute("SELECT pg_stat_statements_reset()")
        settings = AT_ONCE | {"DATABASE_URL": postgres, "REDIS_URL": redis}
        worker = Program(folder / "worker", settings, command=("worker",))
        worker.start()
        try:
            await _until_empty(connection, worker)
        finally:
            worker.end()
        rows = await (await connection.execute(STATEMENTS)).fetchall()
        done, seconds = await _one(connection, DRAINED)
        (overtaking,) = await _one(connection, OVERTAKING)
    said = [Statement(" ".join(query.split()), *rest) for query, *rest in rows]
    return done, seconds, overtaking, said


async def _fill(postgres: str, waiting: int) -> None:
    async with open_database(postgres) as database:
        account = (await Accounts(database).register("web", "default", delivered=False)).id
        intake, numbers = Intake(database), count()

        async def work() -> None:
            while (number := next(numbers)) < waiting:
                await intake.store(account, _question(number), delivered=False)

        await asyncio.gather(*(work() for _ in range(CLIENTS)))


def _question(number: int) -> IncomingMessage:
    chat = ChatRef("web", "default", f"chat-{number}")
    return IncomingMessage(
        chat, f"event-{number}", f"message-{number}", f"sender-{number}", "", "How are you?"
    )


async def _until_empty(connection: psycopg.AsyncConnection[Any], worker: Program) -> None:
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while (await _one(connection, LIVE))[0]:
            if worker.process.poll() is not None:
                raise RuntimeError(f"the worker ended:\n{worker.output[-4000:]}")
            await asyncio.sleep(1)


async def _one(connection: psycopg.AsyncConnection[Any], query: str) -> Any:
    return await (await connection.execute(query.encode())).fetchone()
