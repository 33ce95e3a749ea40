"""The processes, live: their engines and ways in, and what they were told to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from assistant.storage.admins import Admins
from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, form_of
from bots.admin.live import live
from bots.admin.operations.failed import Operator, Viewer
from bots.admin.operations.parts import OperationsParts
from bots.admin.shell import Shell

ADDRESS = "/admin/operations/processes"
DIRECTIVES = 10
DRAIN_SECONDS = 60.0


class EngineRestart(BaseModel):
    process: str = Field(min_length=1, max_length=200)
    seconds: float = Field(DRAIN_SECONDS, ge=0, le=3600)


class WayInRestart(BaseModel):
    process: str = Field(min_length=1, max_length=200)
    name: str = Field(min_length=1, max_length=200)


def process_pages(shell: Shell, parts: OperationsParts, admins: Admins) -> APIRouter:
    router = page_router()
    pages = ProcessPages(shell, parts, admins)
    router.add_api_route("/operations/processes", pages.page, methods=["GET"])
    router.add_api_route("/operations/processes/live", pages.live, methods=["GET"])
    router.add_api_route("/operations/processes/engine", pages.engine, methods=["POST"])
    router.add_api_route("/operations/processes/way-in", pages.way_in, methods=["POST"])
    return router


class ProcessPages:
    def __init__(self, shell: Shell, parts: OperationsParts, admins: Admins) -> None:
        self._shell = shell
        self._parts = parts
        self._admins = admins

    async def page(self, request: Request, _: Viewer) -> Response:
        context = {**await self._seen(), "seconds_to_drain": f"{DRAIN_SECONDS:g}"}
        return self._shell.page(request, "operations_processes.html", context)

    async def live(self, request: Request, me: Viewer) -> Response:
        async def render() -> dict[str, str]:
            seen = await self._seen()
            names = ("processes", "directives")
            return {
                name: self._shell.html(request, f"operations_{name}_part.html", seen)
                for name in names
            }

        return live(render, me, self._admins.of_session)

    async def engine(
        self, me: Operator, form: Annotated[Form[EngineRestart], form_of(EngineRestart)]
    ) -> Response:
        if form.value is None:
            raise Fault(400, "shell.field_range")
        asked = form.value
        await self._parts.directing.restart_engine(me.actor, asked.process, asked.seconds)
        return RedirectResponse(ADDRESS, 303)

    async def way_in(
        self, me: Operator, form: Annotated[Form[WayInRestart], form_of(WayInRestart)]
    ) -> Response:
        if form.value is None:
            raise Fault(400, "shell.field_form")
        await self._parts.directing.restart_way_in(me.actor, form.value.process, form.value.name)
        return RedirectResponse(ADDRESS, 303)

    async def _seen(self) -> Mapping[str, Any]:
        parts = self._parts
        workers = {one.worker: one for one in await parts.signals.workers()}
        return {
            "processes": await parts.processes.present(),
            "workers": workers,
            "directives": await parts.directives.newest(DIRECTIVES),
        }
