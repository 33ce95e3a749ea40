"""The pages and endpoints of one gateway, put together: web chat, API, health, the door."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
from fastapi import APIRouter, FastAPI
from pydantic import SecretStr
from starlette.types import ASGIApp

from assistant.answering.canned_answers import CannedAnswers
from assistant.answering.experiments import ACCOUNT, CHANNEL, Experiments
from assistant.answering.persona_versions import PersonaVersions
from assistant.answering.personas import Personas
from assistant.conversations import ConversationService
from assistant.errors import StartupError
from assistant.incoming.quotas import Quotas
from assistant.insight.glance import Glances
from assistant.live_settings import LiveSettings
from assistant.metrics import Metrics
from assistant.signals import Signals
from assistant.storage.admins import Admins
from assistant.storage.api_keys import ApiKeys
from assistant.storage.database import Database
from bots.admin.app import AdminParts, include_dashboard
from bots.admin.conversations import conversation_parts
from bots.admin.first_admin import ensure_admin
from bots.admin.oidc.provider import SECONDS, Provider
from bots.admin.operations.parts import OperationsParts
from bots.admin.traces.parts import trace_parts
from bots.admin.ways_in import SignInParts
from bots.api.door import Door
from bots.api.keys import Access, Keyring, load_or_create_key
from bots.api.router import api_router
from bots.health import engine_line, health_router
from bots.http.private_file import load_or_create, load_or_create_secret
from bots.http.safety import HttpSafety
from bots.http.secure import secure
from bots.seal import Seal, new_key
from bots.server_word import KEY_FILE, leave_server_word, remove_server_word
from bots.settings import Settings
from bots.web.router import web_router

SESSION_FILE = "session-secret"
TOTP_FILE = "totp-key"


@dataclass(frozen=True, slots=True)
class Pages:
    app: FastAPI
    safety: HttpSafety
    data_dir: Path
    leave: Callable[[Callable[[], None]], object]
    requests_at_once: int

    def include(self, router: APIRouter) -> None:
        self.app.include_router(router)

    def secured(self) -> ASGIApp:
        return Door(secure(self.app, self.safety), self.requests_at_once)

    def announce(self, bound: socket.socket) -> str:
        """Leave word for `outrider ask` where this server is; returns the line for a person."""
        url = address(bound)
        leave_server_word(self.data_dir, url)
        self.leave(lambda: remove_server_word(self.data_dir))
        key = self.data_dir / KEY_FILE
        where = f" (key in {key})" if key.exists() else ""
        return f"Outrider listens at {url} · API at {url}/v1{where}"


async def build_pages(
    settings: Settings,
    database: Database,
    signals: Signals,
    metrics: Metrics,
    service: ConversationService,
    stopping: Callable[[], bool],
    stack: AsyncExitStack,
    say: Callable[[str], None],
    live: LiveSettings,
    glances: Glances,
) -> Pages:
    """Raises StartupError: others could come in without a password, or a key file is bad."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    safety = HttpSafety(
        host=settings.host,
        session_secret=load_or_create_secret(settings.data_dir / SESSION_FILE),
        password=settings.admin.chat_password or settings.admin.password,
        allowed_hosts=settings.http.allowed_hosts,
        metrics_key=settings.http.metrics_key,
        max_body_bytes=settings.http.max_body_bytes,
    )
    await service.accounts.register("web", "default", delivered=False)
    programs = await service.accounts.register("api", "default", delivered=False)
    app = FastAPI(title="Outrider", docs_url=None, redoc_url=None)

    async def engine() -> str:
        return engine_line(await signals.workers())

    app.include_router(health_router(database, signals, metrics, engine, stopping))
    access = Access(
        Keyring(_api_key(settings), ApiKeys(database)),
        Quotas(database, signals.redis, programs.id),
    )
    app.include_router(api_router(service, access))
    await ensure_admin(Admins(database), settings.admin.password, say)
    admin = await service.accounts.register(CHANNEL, ACCOUNT, delivered=False)
    experiments = Experiments(
        database, admin.id, service.turns, signals, service.reader, service.control.stopping
    )
    conversations = conversation_parts(service)
    parts = AdminParts(
        database=database,
        access=access,
        clock=time.time,
        signin=await _signin(settings, signals, stack),
        assistant=service,
        conversations=conversations,
        traces=trace_parts(service, experiments, conversations.reading.reader.may_read),
        live=live,
        personas=PersonaVersions(database, Personas(database, service.settings)),
        canned=CannedAnswers(database),
        experiments=experiments,
        operations=OperationsParts.of(database, signals.redis, signals, live),
        glances=glances,
    )
    include_dashboard(app, parts)
    app.include_router(web_router(service, service.settings))
    return Pages(app, safety, settings.data_dir, stack.callback, settings.api.requests_at_once)


async def _signin(settings: Settings, signals: Signals, stack: AsyncExitStack) -> SignInParts:
    """Raises StartupError: the key that second factors are sealed with can't be read."""
    keys = settings.admin.totp_keys
    if not keys:
        keys = (SecretStr(load_or_create(settings.data_dir / TOTP_FILE, new_key)),)
    provider: Provider | None = None
    if settings.admin.oidc.issuer is not None:
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=SECONDS))
        provider = Provider(settings.admin.oidc, http, time.time)
    return SignInParts(signals.redis, _seal(keys), provider)


def _seal(keys: Sequence[SecretStr]) -> Seal:
    try:
        return Seal(keys, "OUTRIDER_ADMIN__TOTP_KEYS")
    except ValueError:
        raise StartupError(
            f"{TOTP_FILE} in the data directory is damaged: bring it back, or delete it, and who "
            "has a second factor signs in by a recovery code and sets it up anew."
        ) from None


def _api_key(settings: Settings) -> SecretStr:
    return settings.api.key or load_or_create_key(settings.data_dir / KEY_FILE)


def address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - only shown
    return f"http://{f'[{shown}]' if ':' in shown and '[' not in shown else shown}:{port}"
