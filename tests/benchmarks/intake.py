"""How many messages a second are committed, against the same statement on bare psycopg.

Both run in turn on one embedded PostgreSQL with fsync on: what is compared is what the
assistant's intake adds around its statement.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from itertools import count

import psycopg

from assistant import schema
from assistant.accounts import Accounts
from assistant.database import Database, conninfo, open_database
from assistant.embedded import embedded_postgres
from assistant.intake import STORE, Intake
from assistant.messages import ChatRef, IncomingMessage
from tests.benchmarks.program import scratch
from tests.benchmarks.table import Effort, Row, Table

CLIENTS = 8
WARM_UP_SECONDS = 1.0

# Commits the message of that number.
Accept = Callable[[int], Awaitable[object]]


async def measure(effort: Effort) -> Table:
    seconds = 1.0 if effort.quick else 5.0
    ours: list[float] = []
    bare: list[float] = []
    with scratch() as folder:
        async with AsyncExitStack() as stack:
            url = await stack.enter_async_context(embedded_postgres(folder))
            await schema.upgrade(url)
            database = await stack.enter_async_context(open_database(url))
            account = (await Accounts(database).register("web", "default", delivered=False)).id
            numbers = count()
            ways = [
                (ours, [_through_intake(database, account)] * CLIENTS),
                (bare, [await _on_psycopg(url, account, stack) for _ in range(CLIENTS)]),
            ]
            for _, clients in ways:
                await _rate(clients, numbers, WARM_UP_SECONDS)
            for _ in range(effort.repetitions(6)):
                for rates, clients in ways:
                    rates.append(await _rate(clients, numbers, seconds))
                ways.reverse()
    return Table(
        f"Intake, {CLIENTS} clients",
        [
            Row("assistant.intake", "messages/s", ours),
            Row("the same statement on bare psycopg", "messages/s", bare),
            Row("ratio", "", [one / other for one, other in zip(ours, bare, strict=True)]),
        ],
        [
            f"{seconds:g} s each, in alternating order; every message makes a person, a "
            "conversation, a message and a turn, in one transaction, with fsync on"
        ],
    )


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
    intake = Intake(database)

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
        "account": account,
        "event": f"event-{number}",
        "chat": f"chat-{number}",
        "thread": "",
        "kind": "private",
        "sender": f"sender-{number}",
        "sender_name": "",
        "message": f"message-{number}",
        "text": "What is the capital of France, and how many people live there?",
        "delivered": False,
    }
