"""From a message's commit to the engine: how long a turn waits for nothing but us.

Gateway and worker are processes of their own, as in production. The commit's moment is
PostgreSQL's own (`track_commit_timestamp`: taken as the commit begins, so its fsync is part of
what is measured); the engine's is the first token of a stamping worker, which it makes as soon as
it is asked. One machine, so one clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from assistant.storage.embedded import embedded_valkey
from tests.benchmarks.postgres import measured_postgres
from tests.benchmarks.program import scratch, started
from tests.benchmarks.stamping import stamping_worker
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.benchmarks.web_chat import WebChat, web_chat
from tests.support.program import Program

AT_ONCE = 20
WARM_UP = 10
# A third of a second, which no model beats: what ends is not in the way of what begins.
SHORT = {
    "ENGINE__PROFILE": "scripted",
    "ENGINE__SCRIPTED__ANSWER_TOKENS": "10",
    "ENGINE__SCRIPTED__TOKENS_PER_SECOND": "30",
}

# A turn's link to its message is written by the intake, and never again.
MOMENTS = """
SELECT 1000 * extract(epoch FROM pg_xact_commit_timestamp(turn_messages.xmin))::float8,
    1000 * extract(epoch FROM attempts.started_at)::float8,
    split_part(reply, ' ', 1)::float8 / 1000
FROM turns JOIN turn_messages ON turn_messages.turn_id = turns.id
JOIN attempts ON attempts.turn_id = turns.id AND attempts.number = 1
WHERE turns.state = 'done' AND turns.id > %s ORDER BY turns.id
"""


async def measure(effort: Effort) -> Table:
    single, rounds = effort.repetitions(200, quick=20), effort.repetitions(15)
    with scratch() as folder:
        alone, together = await _moments(folder, single, rounds)
    return Table(
        "From commit to the engine",
        [*_rows("one at a time", alone), *_rows(f"{AT_ONCE} at once", together)],
        [
            "web chat, gateway and worker in processes of their own; each question in a new "
            "conversation; all times of one machine's clock",
            "the commit's fsync is part of it; the last part has the reading of the history "
            "and the prompt",
        ],
    )


async def _moments(folder: Path, single: int, rounds: int) -> tuple[Sequence[Any], Sequence[Any]]:
    async with (
        measured_postgres(folder, track_commit_timestamp="on") as postgres,
        embedded_valkey(folder) as redis,
    ):
        settings = SHORT | {"DATABASE_URL": postgres, "REDIS_URL": redis}
        worker = Program(folder / "worker", settings, command=("worker",))
        gateway = Program(folder / "gateway", settings, command=("gateway",))
        async with (
            stamping_worker(worker),
            started(gateway),
            web_chat(gateway.url) as chat,
        ):
            for _ in range(WARM_UP):
                await chat.ask("How are you?")
            alone = await _asked(chat, postgres, 1, single)
            together = await _asked(chat, postgres, AT_ONCE, rounds)
    return alone, together


async def _asked(chat: WebChat, postgres: str, at_once: int, rounds: int) -> Sequence[Any]:
    """(committed, claimed, submitted) of each turn, in milliseconds."""
    async with await psycopg.AsyncConnection.connect(postgres) as connection:
        last = await (await connection.execute("SELECT max(id) FROM turns")).fetchone()
        for _ in range(rounds):
            await chat.ask_at_once(["How are you?"] * at_once)
        found = await connection.execute(MOMENTS, list(last or ()))
        return await found.fetchall()


def _rows(how: str, moments: Sequence[Any]) -> list[Row]:
    return [
        Row(
            f"{how}: commit to the engine",
            "ms",
            [submitted - committed for committed, _, submitted in moments],
            Target("at most", 50, of="p99"),
        ),
        Row(
            f"{how}: of it, commit to the claim",
            "ms",
            [claimed - committed for committed, claimed, _ in moments],
        ),
        Row(
            f"{how}: of it, claim to the engine",
            "ms",
            [submitted - claimed for _, claimed, submitted in moments],
        ),
    ]
