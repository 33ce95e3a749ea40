"""What fairness costs: the intake and the claim as they are, against plain first in, first out; and
whether accounts get their shares.

Both run in turn on one PostgreSQL with fsync on, each time in a database of its own. Plain is the
same statements without what is there for fairness alone: tags, rounds, clocks, and what a person
may have waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count

import psycopg
from sqlalchemy.engine import make_url

from assistant import fair
from assistant.accounts import Accounts
from assistant.answering import turns
from assistant.incoming import intake
from assistant.storage import schema
from assistant.storage.database import conninfo, open_database
from assistant.storage.embedded import embedded_postgres
from tests.benchmarks.program import scratch
from tests.benchmarks.table import Effort, Row, Table

CLIENTS = 8
TOGETHER = 32  # turns of one claim
PEOPLE = 500  # each has several turns waiting
NOW = ", due AS (SELECT person_id, CAST(NULL AS bigint) AS first_in, now() AS due_at FROM sender)"
WEIGHTS = {"one": 1.0, "three": 3.0}


@dataclass(frozen=True, slots=True)
class Way:
    name: str
    store: str
    claim: str


def without(statement: str, part: str, instead: str) -> str:
    """Raises ValueError: the statement has changed, and this measurement must follow."""
    if part not in statement:
        raise ValueError("a statement does not have what is to be left out of it")
    return statement.replace(part, instead)


def plain() -> Way:
    begin, end = turns.CLAIM_QUEUED.index("), clock AS ("), turns.CLAIM_QUEUED.index(")\nSELECT")
    store = without(without(intake.STORE, fair.DUE, NOW), intake.PERSON_HAS_ROOM, "true")
    return Way("plain", store, turns.CLAIM_QUEUED[:begin] + turns.CLAIM_QUEUED[end:])


FAIR = Way("fair", intake.STORE, turns.CLAIM_QUEUED)


async def measure(effort: Effort) -> Table:
    questions = effort.repetitions(5000, quick=400)
    rates: dict[str, list[float]] = {}
    with scratch() as folder:
        async with embedded_postgres(folder) as url:
            await schema.upgrade(url)
            ways, numbers = [FAIR, plain()], count()
            for _ in range(effort.repetitions(6) + 1):
                for way in ways:
                    async with _database(url, f"run_{next(numbers)}") as own:
                        for what, seconds in (await _timed(own, way, questions)).items():
                            rates.setdefault(f"{way.name} {what}", []).append(questions / seconds)
                ways.reverse()
            async with _database(url, "shares") as own:
                begun = await _shares(own, questions)
    measured = {name: values[1:] for name, values in rates.items()}  # the first warms up
    return Table(
        f"Fairness, {questions:,} questions of {PEOPLE} people",
        [
            *(Row(name, "turns/s", values) for name, values in measured.items()),
            *(
                Row(
                    f"{what}, ratio to plain",
                    "",
                    [
                        one / other
                        for one, other in zip(
                            measured[f"fair {what}"], measured[f"plain {what}"], strict=True
                        )
                    ],
                )
                for what in ("intake", "claims", "both")
            ),
            Row("turns of the account with weight 3 to those with weight 1", "", [begun]),
        ],
        [
            f"intake by {CLIENTS} clients, then claims of {TOGETHER} turns by one worker; both: "
            "the time of both together; each statement is a transaction, with fsync on",
            "shares: two accounts with as much waiting; the first third of the turns that began",
        ],
    )


@asynccontextmanager
async def _database(url: str, name: str) -> AsyncIterator[str]:
    """A copy of the empty one."""
    base = make_url(url)
    admin = base.set(database="postgres").render_as_string(hide_password=False)
    async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as connection:
        await connection.execute(f'CREATE DATABASE {name} TEMPLATE "{base.database}"'.encode())
        yield base.set(database=name).render_as_string(hide_password=False)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


async def _timed(url: str, way: Way, questions: int) -> Mapping[str, float]:
    account = (await _accounts(url, {"one": 1.0}))["one"]
    begun = time.perf_counter()
    await _fill(url, way.store, [(account, number) for number in range(questions)])
    filled = time.perf_counter()
    await _drain(url, way.claim, questions)
    done = time.perf_counter()
    return {"intake": filled - begun, "claims": done - filled, "both": done - begun}


async def _accounts(url: str, weights: Mapping[str, float]) -> Mapping[str, int]:
    async with open_database(url) as database:
        known = {}
        for name, weight in weights.items():
            account = await Accounts(database).register("web", name, delivered=False)
            await database.rows(
                "UPDATE accounts SET weight = %(weight)s WHERE id = %(account)s",
                {"account": account.id, "weight": weight},
            )
            known[name] = account.id
    return known


async def _fill(url: str, statement: str, asked: Sequence[tuple[int, int]]) -> None:
    waiting = iter(asked)

    async def work() -> None:
        async with await psycopg.AsyncConnection.connect(
            conninfo(url), autocommit=True
        ) as connection:
            for account, number in waiting:
                values = _question(account, number)
                await connection.execute(statement.encode(), values, prepare=True)

    await asyncio.gather(*(work() for _ in range(CLIENTS)))


async def _drain(url: str, statement: str, most: int) -> Sequence[int]:
    """The turns in the order in which they began."""
    values = {
        "worker": "worker",
        "lease_seconds": 3600.0,
        "fingerprint": "model",
        "limit": TOGETHER,
        "leave_seconds": 0.2,
        "profile": "",
        "by_text": False,
    }
    begun: list[int] = []
    async with await psycopg.AsyncConnection.connect(conninfo(url), autocommit=True) as connection:
        while len(begun) < most:
            rows = await (await connection.execute(statement.encode(), values)).fetchall()
            if not rows:
                break
            begun += [int(row[0]) for row in rows]
    return begun


async def _shares(url: str, questions: int) -> float:
    accounts = await _accounts(url, WEIGHTS)
    asked = [(account, number) for number in range(questions // 2) for account in accounts.values()]
    await _fill(url, intake.STORE, asked)
    first = await _drain(url, turns.CLAIM_QUEUED, len(asked) // 3)
    async with await psycopg.AsyncConnection.connect(conninfo(url)) as connection:
        rows = await connection.execute(
            "SELECT account_id FROM turns JOIN conversations ON conversations.id = conversation_id"
            " WHERE turns.id = ANY(%s)",
            [list(first)],
        )
        served = Counter(int(one) for (one,) in await rows.fetchall())
    return served[accounts["three"]] / served[accounts["one"]]


def _question(account: int, number: int) -> Mapping[str, object]:
    return {
        **fair.values_of(),
        "most": 10_000,
        "tokens": 15,
        "deadline_seconds": 1800.0,
        "free": [],
        "account": account,
        "event": f"event-{number}",
        "chat": f"chat-{number}",
        "thread": "",
        "kind": "private",
        "sender": f"sender-{number % PEOPLE}",
        "sender_name": "",
        "language": "",
        "album": "",
        "message": f"message-{number}",
        "text": "What is the capital of France, and how many people live there?",
        "delivered": False,
    }
