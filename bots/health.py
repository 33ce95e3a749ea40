"""/healthz, /readyz and /metrics: of a gateway, and of a worker that has an address for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from assistant.metrics import Metrics
from assistant.signals import Signals, WorkerPresence
from assistant.storage.database import Database

# A message that comes now would be answered; the first that is found is said.
ANSWERING = ("ready", "waking", "asleep")
# Else the most hopeful.
HOPEFUL = ("starting", "rebuilding", "draining", "away", "dead", "stopped")

Line = Callable[[], Awaitable[str]]


def health_router(
    database: Database,
    signals: Signals,
    metrics: Metrics,
    engine: Line,
    stopping: Callable[[], bool],
) -> APIRouter:
    """`engine` gives the line of that name; `stopping` says that this process ends soon."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def alive() -> PlainTextResponse:
        return PlainTextResponse("alive\n")

    @router.get("/readyz")
    async def ready() -> JSONResponse:
        """200 when a message that comes now would be answered, else 503 and what is missing."""
        parts = {
            "database": "ready" if await database.ping() else "unreachable",
            "redis": "ready" if await signals.ping() else "unreachable",
            "engine": await engine(),
        }
        if stopping():
            parts["process"] = "draining"
        is_ready = all(value in ANSWERING for value in parts.values())
        return JSONResponse({"ready": is_ready, **parts}, 200 if is_ready else 503)

    @router.get("/metrics")
    async def measured() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router


def engine_line(workers: Sequence[WorkerPresence]) -> str:
    """What the most able worker that answers is: `ready`, or `asleep`, which a message ends."""
    workers = [one for one in workers if one.answers]
    if not workers:
        return "no worker"
    order = {state: place for place, state in enumerate((*ANSWERING, *HOPEFUL))}
    # A worker of another version may be in a state that this one doesn't know.
    return line_of(min(workers, key=lambda one: order.get(one.state, len(order))))


def line_of(worker: WorkerPresence) -> str:
    if worker.state in ANSWERING or not worker.detail:
        return worker.state
    return f"{worker.state}: {worker.detail}"
