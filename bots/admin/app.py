"""The dashboard put together: each page of it, and each endpoint of its JSON API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from assistant.answering.canned_answers import CannedAnswers
from assistant.answering.experiments import Experiments
from assistant.answering.persona_versions import PersonaVersions
from assistant.insight.figures import Figures
from assistant.insight.glance import Glances
from assistant.insight.personas import PersonaFigures
from assistant.live_settings import LiveSettings
from assistant.service import Assistant
from assistant.storage.admin_changes import AdminChanges
from assistant.storage.admins import Admins
from assistant.storage.api_keys import ApiKeys
from assistant.storage.audit import AuditLog
from assistant.storage.database import Database
from bots.admin.admins import admins_pages
from bots.admin.analytics import analytics_pages
from bots.admin.api.admins import admins_api
from bots.admin.api.audit import audit_api
from bots.admin.api.broadcasts import broadcasts_api
from bots.admin.api.canned import canned_api
from bots.admin.api.conversations import conversations_api
from bots.admin.api.figures import figures_api
from bots.admin.api.keys import keys_api
from bots.admin.api.operations import operations_api
from bots.admin.api.overview import overview_api
from bots.admin.api.personas import personas_api
from bots.admin.api.settings import settings_api
from bots.admin.api.traces import traces_api
from bots.admin.audit import audit_pages
from bots.admin.canned import canned_pages
from bots.admin.conversations import ConversationParts, conversation_pages
from bots.admin.door import AdminDoor, Needs, SignedIn, needs
from bots.admin.faults import Fault, page_router
from bots.admin.keys import keys_pages
from bots.admin.me import own_pages
from bots.admin.navigation import NAVIGATION
from bots.admin.operations.pages import operations_pages
from bots.admin.operations.parts import OperationsParts
from bots.admin.overview import overview_pages
from bots.admin.people import people_api, people_pages
from bots.admin.persona import persona_pages
from bots.admin.persona_trial import trial_pages
from bots.admin.personas import personas_pages
from bots.admin.settings import settings_pages
from bots.admin.shell import Shell
from bots.admin.traces.pages import trace_pages
from bots.admin.traces.parts import TraceParts
from bots.admin.traces.replays import replay_pages
from bots.admin.ways_in import OPEN, SignInParts, ways_in
from bots.api.keys import Access, Entrance

_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class AdminParts:
    """What the pages are built of. `clock` gives Unix seconds."""

    database: Database
    access: Access
    clock: Callable[[], float]
    conversations: ConversationParts
    operations: OperationsParts
    glances: Glances
    assistant: Assistant
    traces: TraceParts
    live: LiveSettings
    personas: PersonaVersions
    canned: CannedAnswers
    experiments: Experiments
    signin: SignInParts


def include_dashboard(app: FastAPI, parts: AdminParts) -> None:
    """Add the pages under /admin and the endpoints under /v1/admin.

    Raises RuntimeError for a route that says no role: it would stand open.
    """
    shell, admins, audit = Shell(), Admins(parts.database), AuditLog(parts.database)
    app.state.admin_shell, app.state.admin_door = shell, AdminDoor(admins)
    changes, keys = AdminChanges(parts.database), ApiKeys(parts.database)
    ways = ways_in(shell, admins, audit, parts.database, parts.clock, parts.signin)
    personas = parts.personas
    figures, counted = PersonaFigures(parts.database), Figures(parts.database)
    pages = (
        *ways.routers,
        own_pages(shell, admins, ways.password),
        overview_pages(shell, parts.glances, admins),
        conversation_pages(shell, parts.conversations),
        trace_pages(shell, parts.traces, admins.of_session),
        replay_pages(shell, parts.traces),
        *people_pages(shell, parts.database, parts.assistant.stop, parts.clock),
        personas_pages(shell, personas, figures),
        persona_pages(shell, personas, figures),
        trial_pages(shell, personas, parts.experiments),
        canned_pages(shell, parts.canned, figures),
        analytics_pages(shell, counted),
        settings_pages(shell, parts.live, audit),
        admins_pages(shell, admins, changes),
        keys_pages(shell, keys),
        audit_pages(shell, audit),
        *operations_pages(shell, parts.operations, admins),
        _remaining(shell),
    )
    endpoints = (
        conversations_api(parts.access, parts.conversations),
        operations_api(parts.access, parts.operations),
        broadcasts_api(parts.access, parts.operations),
        overview_api(parts.access, parts.glances),
        traces_api(parts.access, parts.traces),
        *people_api(parts.access, parts.database),
        personas_api(parts.access, personas, figures),
        canned_api(parts.access, parts.canned),
        figures_api(parts.access, counted),
        settings_api(parts.access, parts.live, audit),
        admins_api(parts.access, admins, changes),
        keys_api(parts.access, keys),
        audit_api(parts.access, audit),
    )
    for router in (*pages, *endpoints):
        refuse_open_routes(router.routes)
    for router in (*pages, *endpoints, _assets()):
        # As they are: to include a router makes each of its routes anew, which takes a second.
        app.router.routes.extend(router.routes)


def demands(dependant: Dependant) -> Iterable[Needs | Entrance]:
    """What a route asks of who comes: a role of an admin, a scope of a key."""
    if isinstance(dependant.call, Needs | Entrance):
        yield dependant.call
    for one in dependant.dependencies:
        yield from demands(one)


def refuse_open_routes(routes: Iterable[object]) -> None:
    for route in routes:
        if not isinstance(route, APIRoute):
            raise RuntimeError(f"{route} is no route that can say a role.")
        if route.path not in OPEN and not list(demands(route.dependant)):
            raise RuntimeError(f"{route.methods} {route.path} says no role: it would stand open.")


def _remaining(shell: Shell) -> APIRouter:
    """The way in, and whatever there is not."""
    router = page_router()

    @router.get("")
    @router.get("/")  # as people type it
    async def home(admin: Annotated[SignedIn, needs("viewer")]) -> Response:
        first = next((one for one in NAVIGATION if admin.may(one.role)), None)
        return RedirectResponse(first.address if first else "/admin/me", 303)

    @router.api_route("/{path:path}", methods=["GET", "POST"])
    async def nothing(_: Annotated[SignedIn, needs("viewer")], path: str) -> Response:
        raise Fault(404, "shell.not_found")

    return router


def _assets() -> APIRouter:
    """Styles and scripts. Outside /admin, where the cookie goes: they come without Postgres."""
    router = APIRouter(include_in_schema=False)
    files = StaticFiles(directory=_STATIC)

    @router.api_route("/static/admin/{path:path}", methods=["GET", "HEAD"])
    async def static(request: Request, path: str) -> Response:
        response = await files.get_response(path, request.scope)
        response.headers["cache-control"] = "no-cache"  # asked for each time: mostly a 304
        return response

    return router
