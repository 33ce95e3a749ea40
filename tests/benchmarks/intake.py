"""How many messages a second are committed, against pgbench with the same statement.

All run in turn on one embedded PostgreSQL with fsync on. Against pgbench, a C program that does
nothing else, it shows what Python costs; against bare psycopg, what the intake's own code does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from itertools import count
from pathlib import Path

import psycopg

from assistant import fair
from assistant.accounts import Accounts
from assistant.incoming.backlog import Limits
from assistant.incoming.intake import STORE, Intake
from assistant.messages import ChatRef, IncomingMessage
from assistant.storage import schema
from assistant.storage.database import Database, conninfo, open_database
from assistant.storage.embedded import embedded_postgres
from tests.benchmarks.pgbench import Pgbench, pgbench_program, script_of
from tests.benchmarks.program import scratch
from tests.benchmarks.table import Effort, Row, Table, Target

CLIENTS = 8
WARM_UP_SECONDS = 1.0
OURS, BARE, PGBENCH = "assistant.incoming.intake", "bare psycopg", "pgbench"

# Commits the message of that number.
Accept = Callable[[int], Awaitable[object]]
# Messages a second in so many seconds.
Way = Callable[[float], Awaitable[float]]


async def measure(effort: Effort) -> Table:
    seconds = 1.0 if effort.quick else 5.0
    rates: dict[str, list[float]] = {}
    with scratch() as folder:
        async with AsyncExitStack() as stack:
            ways = await _ways(folder, stack)
            for _, way in ways:
                await way(WARM_UP_SECONDS)
            for _ in range(effort.repetitions(6)):
                for name, way in ways:
                    rates.setdefault(name, []).append(await way(seconds))
                ways.reverse()
    return Table(
        f"Intake, {CLIENTS} clients",
        [*(Row(name, "messages/s", rates[name]) for name in rates), *_ratios(rates)],
        [
            f"{seconds:g} s each, in alternating order; every message makes a person, a "
            "conversation, a message and a turn, in one transaction, with fsync on",
            "pgbench: the same statement, prepared"
            if PGBENCH in rates
            else "there is no pgbench here: the target could not be judged",
        ],
    )


def _ratios(rates: Mapping[str, list[float]]) -> list[Row]:
    return [
        Row(
            f"ratio to {peer}",
            "",
            [one / other for one, other in zip(rates[OURS], rates[peer], strict=True)],
            Target("at least", 0.5) if peer == PGBENCH else None,
        )
        for peer in (PGBENCH, BARE)
        if peer in rates
    ]


async def _ways(folder: Path, stack: AsyncExitStack) -> list[tuple[str, Way]]:
    url = await stack.enter_async_context(embedded_postgres(folder))
    await schema.upgrade(url)
    database = await stack.enter_async_context(open_database(url))
    account = (await Accounts(database).register("web", "default", delivered=False)).id
    numbers = count()
    ours = [_through_intake(database, account)] * CLIENTS
    bare = [await _on_psycopg(url, account, stack) for _ in range(CLIENTS)]
    ways: list[tuple[str, Way]] = [
        (OURS, partial(_rate, ours, numbers)),
        (BARE, partial(_rate, bare, numbers)),
    ]
    program = pgbench_program()
    if program is not None:
        ways.append((PGBENCH, _on_pgbench(program, url, account, folder)))
    return ways


def _on_pgbench(program: Path, url: str, account: int, folder: Path) -> Way:
    """The ids are numbers there; all else is as with the others."""
    numbered = ("event", "chat", "sender", "message")
    given = {name: value for name, value in _values(account, 0).items() if name not in numbered}
    fixed = {name: _as_text(value) for name, value in given.items()}
    script = folder / "intake.sql"
    script.write_text(script_of(STORE, fixed))
    return partial(Pgbench(program, url, script, fixed).rate, CLIENTS)


def _as_text(value: object) -> str:
    # A place that is multiplied with a count is a whole number there.
    return f"{value:g}" if isinstance(value, float) else str(value)


async def _rate(clients: list[Accept], numbers: count[int], seconds: float) -> float:
    """Messages a second, by all clients together."""
    begun = time.perf_counter()

    async def work(accept: Accept) -> int:
        done = 0
        while time.perf_counter() - begun < seconds:
            await accept(next(numbers))
            done += 1
        return done

    done = await asyncio.gather(*map(work, clients))
    return sum(done) / (time.perf_counter() - begun)


def _through_intake(database: Database, account: int) -> Accept:
    intake = Intake(database, Limits(waiting_turns=10**9, waiting_tokens=10**12))

    async def accept(number: int) -> object:
        given = _values(account, number)
        message = IncomingMessage(
            ChatRef("web", "default", str(given["chat"])),
            str(given["event"]),
            str(given["message"]),
            str(given["sender"]),
            str(given["sender_name"]),
            str(given["text"]),
        )
        return await intake.store(account, message, delivered=False)

    return accept


async def _on_psycopg(url: str, account: int, stack: AsyncExitStack) -> Accept:
    connection = await stack.enter_async_context(
        await psycopg.AsyncConnection.connect(conninfo(url), autocommit=True)
    )

    async def accept(number: int) -> object:
        cursor = await connection.execute(STORE.encode(), _values(account, number), prepare=True)
        return await cursor.fetchone()

    return accept


def _values(account: int, number: int) -> Mapping[str, object]:
    return {
        **fair.values_of(),
        "most": 100,
        "tokens": 15,
        "deadline_seconds": 1800.0,
        "free": "{}",
        "account": account,
        "event": f"event-{number}",
        "chat": f"chat-{number}",
        "thread": "",
        "kind": "private",
        "sender": f"sender-{number}",
        "sender_name": "",
        "language": "",
        "album": "",
        "message": f"message-{number}",
        "text": "What is the capital of France, and how many people live there?",
        "delivered": False,
    }
