"""The conversation service put together as the composition root does it, with chosen parts."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from redis.asyncio import Redis

from assistant.accounts import Accounts
from assistant.answering.canned_answers import CannedAnswers
from assistant.answering.context import ContextBuilder
from assistant.answering.deadlines import Deadlines
from assistant.answering.deltas import DeltaReader, DeltaWriter
from assistant.answering.experiments import ACCOUNT as EXPERIMENTS_ACCOUNT
from assistant.answering.experiments import CHANNEL as EXPERIMENTS_CHANNEL
from assistant.answering.experiments import Experiments
from assistant.answering.history import History
from assistant.answering.places import Places
from assistant.answering.supervision import Supervisor
from assistant.answering.token_counts import TokenCounts
from assistant.answering.traces import Traces
from assistant.answering.turns import Turns
from assistant.answering.worker import Worker
from assistant.conversations import ConversationService
from assistant.live_settings import LiveSettings
from assistant.messages import Accepted, Access, ChatRef, IncomingMessage, ReplyDelta
from assistant.metrics import Metrics
from assistant.outgoing.delivery import Delivery
from assistant.outgoing.governor import Governor
from assistant.outgoing.open_channels import OpenChannels
from assistant.settings import AssistantSettings
from assistant.signals import Signals
from assistant.storage.database import Database, open_database
from assistant.storage.database_clock import DatabaseClock
from assistant.storage.heartbeat import Heartbeat
from assistant.storage.leases import Leases
from bots.core import Core
from bots.service import build_delivery, build_service
from inference.api import Engine
from tests.support.screen import ScreenChannel

CHAT = ChatRef("telegram", "default", "42")
FAST = AssistantSettings(lease_seconds=1.0, checkpoint_seconds=0.1, flush_seconds=0.01)
_numbers = count(1)


@dataclass(slots=True)
class Heartbeats:
    """One per process that is played here; each beats until the block ends."""

    database_url: str
    seconds: float
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def of(self, name: str) -> Heartbeat:
        beating = Heartbeat(self.database_url, name, self.seconds)
        self.tasks.append(asyncio.create_task(beating.run()))
        return beating

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@dataclass(slots=True)
class House:
    service: ConversationService
    database: Database
    redis: Redis
    turns: Turns
    reader: DeltaReader
    writer: DeltaWriter
    signals: Signals
    screen: ScreenChannel
    delivery: Delivery
    heartbeats: Heartbeats
    settings: AssistantSettings
    live: LiveSettings
    canned: CannedAnswers
    experiments: Experiments
    clock: DatabaseClock

    def worker(
        self, engine: Engine, name: str = "worker", supervisor: Supervisor | None = None
    ) -> Worker:
        return Worker(
            name=name,
            heartbeat=self.heartbeats.of(name),
            supervisor=supervisor or Supervisor(engine, progress=lambda line, share: None),
            turns=self.turns,
            context=ContextBuilder(
                History(self.database, self.settings), engine, self.settings, self.canned
            ),
            deltas=self.writer,
            signals=self.signals,
            settings=self.settings,
            metrics=Metrics(),
            traces=Traces(self.database, self.clock, TokenCounts(engine)),
        )

    async def say(self, text: str, chat: ChatRef = CHAT, **values: str) -> Accepted:
        return await self.service.accept(incoming(text, chat, **values))

    async def answer(self, turn_id: int) -> tuple[str, ReplyDelta]:
        """The reply as a reader puts it together, and its last delta."""
        text = ""
        async with asyncio.timeout(30):
            async for delta in self.service.follow(turn_id):
                text = text[: delta.offset] + delta.text
                if delta.state is not None:
                    return text, delta
        raise AssertionError("the reply had no end")

    async def rows(
        self, sql: str, values: Mapping[str, object] | None = None
    ) -> list[tuple[Any, ...]]:
        """What stands in Postgres; each call is a transaction of its own."""
        return list(await self.database.rows(sql, values))


def incoming(text: str, chat: ChatRef = CHAT, **values: str) -> IncomingMessage:
    number = str(next(_numbers))
    message = IncomingMessage(chat, f"event-{number}", number, "7", "Ana", text)
    return replace(message, **values)


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until it holds; it may be a coroutine function."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def house(
    database_url: str,
    redis_url: str,
    *,
    settings: AssistantSettings = FAST,
    access: Access = "open",
    allowlist: frozenset[str] = frozenset(),
    screen: ScreenChannel | None = None,
) -> AsyncIterator[House]:
    screen, settings = screen or ScreenChannel(), settings.model_copy(deep=True)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(database_url))
        redis = await stack.enter_async_context(
            Redis.from_url(redis_url, decode_responses=True, socket_timeout=None)
        )
        accounts = Accounts(database)
        account = await accounts.register(
            screen.name, screen.account, access=access, allowlist=allowlist
        )
        await accounts.register("web", "default", delivered=False)
        await accounts.register("api", "default", delivered=False)
        admin = await accounts.register(EXPERIMENTS_CHANNEL, EXPERIMENTS_ACCOUNT, delivered=False)
        heartbeats = Heartbeats(database_url, settings.lease_seconds)
        stack.push_async_callback(heartbeats.end)
        turns, signals, metrics = Turns(database), Signals(redis), Metrics()
        reader, writer = DeltaReader(redis, turns), DeltaWriter(redis, settings.flush_seconds)
        heartbeat = heartbeats.of("gateway")
        places, clock = Places(database), DatabaseClock(database)
        live = LiveSettings(database, settings)
        core = Core(
            "gateway",
            database,
            redis,
            signals,
            turns,
            writer,
            reader,
            heartbeat,
            metrics,
            places,
            live,
            clock,
        )
        governor = Governor(redis, database, Leases(database, heartbeat))
        channels = OpenChannels()
        channels.open(screen, account)
        delivery = build_delivery(settings, core, channels, governor)
        service = build_service(settings, core, accounts, delivery)
        experiments = Experiments(database, admin.id, turns, signals, reader, core.stopping)
        deadlines, embeddings = Deadlines(database, writer, metrics), service.embeddings
        for background in (
            *(reader.run(), writer.run(), delivery.run()),
            *(deadlines.run(), embeddings.run(), live.run()),
            *(clock.run(), service.arrivals.run()),
        ):
            await stack.enter_async_context(running(asyncio.create_task(background)))
        yield House(
            service,
            database,
            redis,
            turns,
            reader,
            writer,
            signals,
            screen,
            delivery,
            heartbeats,
            settings,
            live,
            CannedAnswers(database),
            experiments,
            clock,
        )


@asynccontextmanager
async def running(task: asyncio.Task[None]) -> AsyncIterator[asyncio.Task[None]]:
    """A background task for the block; what it failed of fails the test."""
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled() and task.exception() is not None:
            raise task.exception()  # type: ignore[misc]


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[Worker]:
    """A worker at work for the block."""
    try:
        async with running(asyncio.create_task(worker.run())):
            yield worker
    finally:
        await worker.engine.stop()
