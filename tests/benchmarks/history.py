"""The same turn's statements in a short history and in a long one: what they cost as years pass.

Each statement is carried out as psycopg sends it, prepared, in a transaction that is rolled back:
so the state is the same each time, and no commit's fsync is part of a figure.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import Connection

from assistant.storage import schema
from assistant.storage.embedded import embedded_postgres
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.support.filling import Filled, fill
from tests.support.hot_path import STATEMENTS, HotStatement

SIZES = (10_000, 10_000_000)
QUICK_SIZES = (10_000, 100_000)
# With these PostgreSQL has chosen its plan, and the pages of the hot path are in memory.
WARM_UP = 20
TIMES = 200
# What a message costs from its coming to the end of its answer on the platform.
OF_A_TURN = (
    *("access.STANDING", "intake.STORE"),
    *("turns.CLAIM_EXPIRED", "turns.CLAIM_QUEUED", "history.HISTORY"),
    *("turns.CHECKPOINT", "turns.WATCH", "turns.SHOW", "turns.READ", "turns.FINISH"),
    *("heartbeat.RENEW turn", "heartbeat.RENEW delivery"),
    *("deliveries.CLAIM", "deliveries.POSTS", "deliveries.BEGIN", "deliveries.CLOSE"),
    "deliveries.END",
)


@dataclass(frozen=True, slots=True)
class History:
    """Milliseconds of each statement, in a database of so many messages and bytes."""

    messages: int
    size: int
    fill_seconds: float
    milliseconds: Mapping[str, Sequence[float]]

    @property
    def whole(self) -> float:
        """A turn's statements, each once."""
        return sum(statistics.median(values) for values in self.milliseconds.values())


async def measure(effort: Effort) -> Table:
    sizes = QUICK_SIZES if effort.quick else SIZES
    short, long = [await _history(size) for size in sizes]
    ratios = {
        name: statistics.median(long.milliseconds[name]) / statistics.median(values)
        for name, values in short.milliseconds.items()
    }
    worst = max(ratios, key=lambda name: ratios[name])
    rows = [
        Row(f"{name}, {one.messages:,} messages", "ms", one.milliseconds[name])
        for name in OF_A_TURN
        for one in (short, long)
    ]
    return Table(
        f"A turn's statements in {short.messages:,} and in {long.messages:,} messages",
        [
            *rows,
            *(
                Row(f"together (medians), {one.messages:,} messages", "ms", [one.whole])
                for one in (short, long)
            ),
            Row("together, ratio", "", [long.whole / short.whole], Target("at most", 2)),
            Row(f"largest ratio of one: {worst}", "", [ratios[worst]]),
        ],
        [_note(one) for one in (short, long)],
    )


def _note(one: History) -> str:
    return (
        f"{one.messages:,} messages: {one.size / 1e9:.2f} GB, filled in {one.fill_seconds:,.0f} s; "
        "a tenth of them in one conversation, from which each fourth try is"
    )


async def _history(messages: int) -> History:
    with tempfile.TemporaryDirectory(prefix="outrider-bench-") as folder:
        async with embedded_postgres(Path(folder)) as url:
            await schema.upgrade(url)
            return await asyncio.to_thread(_measured, url, messages)


def _measured(url: str, messages: int) -> History:
    with psycopg.connect(url, autocommit=True) as connection:
        begun = time.perf_counter()
        filled = fill(connection, messages)
        fill_seconds = time.perf_counter() - begun
        size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        connection.execute("CHECKPOINT")
        of_a_turn = [one for one in STATEMENTS if one.name in OF_A_TURN]
        milliseconds = {one.name: _times(connection, one, filled) for one in of_a_turn}
    return History(messages, int(str(size[0] if size else 0)), fill_seconds, milliseconds)


def _times(
    connection: Connection[tuple[object, ...]], one: HotStatement, filled: Filled
) -> list[float]:
    return [_try(connection, one, filled, number) for number in range(WARM_UP + TIMES)][WARM_UP:]


def _try(
    connection: Connection[tuple[object, ...]], one: HotStatement, filled: Filled, number: int
) -> float:
    values, statement = one.values_of(filled, number), one.sql.encode()
    with connection.transaction(force_rollback=True):
        begun = time.perf_counter()
        connection.execute(statement, values, prepare=True)
        return 1000 * (time.perf_counter() - begun)
