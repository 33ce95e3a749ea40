"""The composition root: everything is built here, in `core.py` and in `service.py`, nowhere else.

    run      gateway and worker in one process, with embedded servers where no URL is set
    gateway  channels, web chat, API; any number of replicas, no model
    worker   turns and engine; one per engine

When the end is asked for, what runs drains first (`draining.py`): listeners stop, turns and
deliveries may end in time. Then what was opened last is closed first: turns are given back, the
engine ends, then the database.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from importlib import metadata
from typing import Literal

import structlog

from assistant.accounts import Accounts
from assistant.answering.canned_answers import CannedAnswers
from assistant.answering.context import ContextBuilder
from assistant.answering.deadlines import LEASE as DEADLINES
from assistant.answering.deadlines import Deadlines
from assistant.answering.embeddings import EmbeddingWorker
from assistant.answering.history import History
from assistant.answering.supervision import Supervisor
from assistant.answering.token_counts import TokenCounts
from assistant.answering.traces import Traces
from assistant.answering.worker import Worker
from assistant.directives import Directives
from assistant.errors import StartupError, StorageUnavailable
from assistant.insight.closing import LEASE as FIGURES
from assistant.insight.closing import Closing
from assistant.insight.glance import Glances
from assistant.lines import LineReports
from assistant.outgoing.governor import Governor
from assistant.outgoing.penalties import AccountKeys
from assistant.processes import Processes, ProcessPresence
from assistant.storage import schema
from assistant.storage.embedded import DataDirLock, OnDeath, embedded_postgres, embedded_valkey
from assistant.storage.leases import Leases
from assistant.storage.pruning import LEASE as PRUNING
from assistant.storage.pruning import Pruning
from assistant.storage.search_entries import LEASE as SEARCH
from assistant.storage.search_entries import SearchEntries
from bots.channels import DEFAULT, open_channels
from bots.core import Core, open_core
from bots.draining import Draining
from bots.engine_word import leaving_word, remove_engine_word
from bots.heap import settle_when_started
from bots.http.safety import require_password
from bots.http.server import listen, serve
from bots.obeying import Obeying
from bots.pages import address, build_pages
from bots.progress import StartProgress
from bots.service import build_broadcasting, build_delivery, build_service
from bots.settings import Settings
from bots.stop import Stop
from bots.ways_in import WaysIn
from bots.worker_server import listen_for_watchers, worker_app
from inference.api import Engine
from inference.start import build_engine

log = structlog.get_logger()

Role = Literal["run", "gateway", "worker"]
Say = Callable[[str], None]


class _Stop(Exception):
    """Ends the task group: a person or the system asked for the end."""


async def run(settings: Settings, role: Role, stop: Stop, say: Say) -> None:
    """Run until `stop` asks for the end, which also ends a start that is not done yet.

    `say` gets lines for a person. Raises StartupError, and StorageUnavailable when an embedded
    server ended by itself.
    """
    lost: list[str] = []

    def died(sentence: str) -> None:
        lost.append(sentence)
        stop.ask_at_once()

    draining = Draining(stop, settings.assistant.drain_seconds, say)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_until_drained(draining))
            await _house(settings, role, draining, died, say)
    except BaseExceptionGroup as ended:
        if lost:
            raise StorageUnavailable(lost[0]) from ended
        _, faults = ended.split(_Stop)
        if faults is not None:
            raise faults from None


async def _house(
    settings: Settings, role: Role, draining: Draining, died: OnDeath, say: Say
) -> None:
    """Everything of a role, until it is cancelled."""
    async with AsyncExitStack() as stack:
        # What can be refused without a server or a file is refused first.
        engine = None if role == "gateway" else build_engine(settings.engine, settings.data_dir)
        bound = _listen(settings, role, stack)
        database_url, redis_url = await _servers(settings, role, stack, died)
        await (schema.upgrade if role == "run" else schema.check)(database_url)
        core = await open_core(settings.assistant, database_url, redis_url, stack)
        async with asyncio.TaskGroup() as group:
            group.create_task(core.heartbeat.run())
            group.create_task(core.writer.run())
            group.create_task(core.reader.run())
            obeying = Obeying()
            group.create_task(core.live.run())
            group.create_task(core.clock.run())
            if role != "worker":
                obeying.ways_in = await _gateway(settings, core, bound, draining, group, stack, say)
            if engine is not None:
                worker = _worker(settings, core, engine, group, stack, say)
                draining.worker = obeying.worker = worker
                if role == "worker" and bound is not None:
                    app = worker_app(settings, worker, core.database, core.signals, core.metrics)
                    group.create_task(serve(app, bound))
                    say(f"Health and metrics at {address(bound)}")
            group.create_task(Directives(core.redis).obey(core.name, obeying.carry_out))
            say_what_it_is = _presence_of(settings, role, core, obeying)
            group.create_task(Processes(core.redis).announce(say_what_it_is))
            group.create_task(settle_when_started(engine))


def _presence_of(
    settings: Settings, role: Role, core: Core, obeying: Obeying
) -> Callable[[], ProcessPresence]:
    started_at, version = datetime.now(UTC).isoformat(), metadata.version("outrider")

    def presence() -> ProcessPresence:
        return ProcessPresence(
            process=core.name,
            role=role,
            version=version,
            started_at=started_at,
            log_level=settings.assistant.log_level or settings.log.level,
            ways_in=obeying.ways_in.states() if obeying.ways_in else (),
        )

    return presence


async def _until_drained(draining: Draining) -> None:
    await draining.run()
    raise _Stop


def _listen(settings: Settings, role: Role, stack: AsyncExitStack) -> socket.socket | None:
    if role == "worker":
        bound = listen_for_watchers(settings)
    else:
        require_password(settings.host, settings.admin.password, settings.http.allowed_hosts)
        bound = listen(settings.host, settings.port)
    if bound is not None:
        stack.callback(bound.close)
    return bound


async def _servers(
    settings: Settings, role: Role, stack: AsyncExitStack, died: OnDeath
) -> tuple[str, str]:
    """The URLs of Postgres and Redis: given ones, or of servers that are started here."""
    database, redis = settings.database_url, settings.redis_url
    if role != "run":
        if database is None or redis is None:
            raise StartupError(
                f"'outrider {role}' needs OUTRIDER_DATABASE_URL and OUTRIDER_REDIS_URL, which join "
                "it with the others. 'outrider run' is the one that starts its own."
            )
        return database.get_secret_value(), redis.get_secret_value()
    stack.enter_context(DataDirLock(settings.data_dir))

    async def embedded_database() -> str:
        return await stack.enter_async_context(embedded_postgres(settings.data_dir, died))

    async def embedded_redis() -> str:
        return await stack.enter_async_context(embedded_valkey(settings.data_dir, died))

    return (
        database.get_secret_value() if database else await embedded_database(),
        redis.get_secret_value() if redis else await embedded_redis(),
    )


async def _gateway(
    settings: Settings,
    core: Core,
    bound: socket.socket | None,
    draining: Draining,
    group: asyncio.TaskGroup,
    stack: AsyncExitStack,
    say: Say,
) -> WaysIn:
    accounts = Accounts(core.database)
    channels = await stack.enter_async_context(
        open_channels(settings, accounts, core.redis, core.lines, say)
    )
    leases = Leases(core.database, core.heartbeat)
    governor = Governor(core.redis, core.database, leases)
    opened = channels.open.accounts
    await governor.restore([AccountKeys(one.channel, one.name) for one in opened])
    delivery = build_delivery(settings.assistant, core, channels.open, governor)
    service = build_service(settings.assistant, core, accounts, delivery)
    glances = Glances(core.database, core.signals, settings.assistant)
    pages = await build_pages(
        settings,
        core.database,
        core.signals,
        core.metrics,
        service,
        lambda: draining.stop.asked,
        stack,
        say,
        core.live,
        glances,
    )
    inbound = channels.connect(service, governor)
    for router in inbound.routers:
        pages.include(router)
    for name in ("web", "api"):
        core.lines.open(name, DEFAULT, "page").become("open")
    reports = LineReports(core.name, core.lines, core.signals, core.database)
    group.create_task(reports.run())
    group.create_task(glances.run())
    group.create_task(delivery.run())
    group.create_task(service.embeddings.run())
    group.create_task(service.arrivals.run())
    draining.reader, draining.delivery = core.reader, delivery
    pruning = Pruning(core.database, settings.assistant.trace_days)
    group.create_task(leases.run_while_held(PRUNING, pruning.run))
    group.create_task(leases.run_while_held(FIGURES, Closing(core.database).run))
    group.create_task(leases.run_while_held(SEARCH, SearchEntries(core.database).run))
    deadlines = Deadlines(core.database, core.writer, core.metrics)
    group.create_task(leases.run_while_held(DEADLINES, deadlines.run))
    group.create_task(build_broadcasting(core, channels.open, governor, delivery).run())
    ways_in = WaysIn(leases)
    ways_in.add(inbound.listeners)
    draining.listeners.append(group.create_task(ways_in.run()))
    if bound is not None:
        group.create_task(serve(pages.secured(), bound, settings.http.proxies))
        say(pages.announce(bound))
    return ways_in


def _worker(
    settings: Settings,
    core: Core,
    engine: Engine,
    group: asyncio.TaskGroup,
    stack: AsyncExitStack,
    say: Say,
) -> Worker:
    stack.push_async_callback(engine.stop)
    shown = stack.enter_context(StartProgress(say, lambda: engine.info.notice))
    stack.callback(remove_engine_word, settings.data_dir)
    supervisor = Supervisor(
        engine=engine,
        progress=leaving_word(shown, engine, settings.data_dir),
        stuck_after_seconds=settings.engine.stuck_after_seconds,
        sleep_after_seconds=settings.engine.sleep_after_seconds,
    )
    core.metrics.engine(supervisor)
    canned = CannedAnswers(core.database)
    worker = Worker(
        name=core.name,
        supervisor=supervisor,
        turns=core.turns,
        context=ContextBuilder(
            History(core.database, settings.assistant), engine, settings.assistant, canned
        ),
        deltas=core.writer,
        signals=core.signals,
        heartbeat=core.heartbeat,
        settings=settings.assistant,
        metrics=core.metrics,
        traces=Traces(core.database, core.clock, TokenCounts(engine)),
    )
    group.create_task(canned.run())
    group.create_task(worker.run())
    group.create_task(EmbeddingWorker(core.redis, supervisor).run())
    return worker
