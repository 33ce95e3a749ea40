"""What the pages of operations, and their endpoints for programs, are built of."""

from __future__ import annotations

from dataclasses import dataclass

from redis.asyncio import Redis

from assistant.answering.retries import Retries
from assistant.directing import Directing
from assistant.directives import Directives
from assistant.insight.failures import Failures
from assistant.insight.queue import QueueInsight
from assistant.insight.undelivered import UndeliveredInsight
from assistant.live_settings import LiveSettings
from assistant.outgoing.broadcasts import Broadcasts
from assistant.outgoing.redelivery import Redelivery
from assistant.processes import Processes
from assistant.signals import Signals
from assistant.storage.database import Database


@dataclass(frozen=True, slots=True)
class OperationsParts:
    retries: Retries
    redelivery: Redelivery
    failures: Failures
    queue: QueueInsight
    undelivered: UndeliveredInsight
    processes: Processes
    directives: Directives
    directing: Directing
    signals: Signals
    broadcasts: Broadcasts
    live: LiveSettings

    @staticmethod
    def of(
        database: Database, redis: Redis, signals: Signals, live: LiveSettings
    ) -> OperationsParts:
        processes, directives = Processes(redis), Directives(redis)
        return OperationsParts(
            retries=Retries(database, signals),
            redelivery=Redelivery(database),
            failures=Failures(database),
            queue=QueueInsight(database),
            undelivered=UndeliveredInsight(database),
            processes=processes,
            directives=directives,
            directing=Directing(database, directives, processes, signals),
            signals=signals,
            broadcasts=Broadcasts(database),
            live=live,
        )
