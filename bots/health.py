"""/healthz, /readyz and /metrics."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from assistant.metrics import Metrics
from assistant.signals import Signals, WorkerPresence
from assistant.storage.database import Database


def health_router(database: Database, signals: Signals, metrics: Metrics) -> APIRouter:
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
            "engine": engine_line(await signals.workers()),
        }
        is_ready = all(value == "ready" for value in parts.values())
        return JSONResponse({"ready": is_ready, **parts}, 200 if is_ready else 503)

    @router.get("/metrics")
    async def measured() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router


def engine_line(workers: Sequence[WorkerPresence]) -> str:
    """`ready` when any worker that answers is, else what the most hopeful one is doing."""
    workers = [one for one in workers if one.answers]
    if any(one.state == "ready" for one in workers):
        return "ready"
    if not workers:
        return "no worker"
    first = min(workers, key=lambda one: one.state != "starting")
    return f"{first.state}: {first.detail}" if first.detail else first.state
