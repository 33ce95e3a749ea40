"""The small server of a worker: /healthz, /readyz and /metrics, for who watches it."""

from __future__ import annotations

import secrets
import socket

from fastapi import FastAPI
from starlette.types import ASGIApp

from assistant.answering.worker import Worker
from assistant.errors import StartupError
from assistant.metrics import Metrics
from assistant.signals import Signals
from assistant.storage.database import Database
from bots.health import health_router, line_of
from bots.http.failures import answer_failures
from bots.http.guard import Guard
from bots.http.hosts import is_loopback
from bots.http.safety import HttpSafety
from bots.http.server import listen
from bots.settings import Settings


def listen_for_watchers(settings: Settings) -> socket.socket | None:
    """None where no port is set. Raises StartupError: others could read the metrics without a key,
    or the port is taken."""
    host, port = settings.worker.host, settings.worker.port
    if port is None:
        return None
    if not is_loopback(host) and settings.http.metrics_key is None:
        raise StartupError(
            f"A worker that listens on {host} shows its metrics to other machines: set "
            f"OUTRIDER_HTTP__METRICS_KEY, or OUTRIDER_WORKER__HOST to 127.0.0.1."
        )
    return listen(host, port, "OUTRIDER_WORKER__PORT")


def worker_app(
    settings: Settings, worker: Worker, database: Database, signals: Signals, metrics: Metrics
) -> ASGIApp:
    """It has no page. The door lets everybody probe, and this machine, or who has the key, read
    the metrics."""

    async def engine() -> str:
        return line_of(worker.presence())

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(health_router(database, signals, metrics, engine, lambda: worker.draining))
    answer_failures(app)
    safety = HttpSafety(
        host=settings.worker.host,
        session_secret=secrets.token_bytes(32),
        password=settings.http.metrics_key,
        allowed_hosts=settings.http.allowed_hosts if settings.http.metrics_key else (),
        metrics_key=settings.http.metrics_key,
    )
    return Guard(app, safety, sessions=None)
