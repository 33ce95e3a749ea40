"""Maintenance mode and the log level, in all processes."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, form_of
from bots.admin.operations.failed import Operator, Viewer
from bots.admin.operations.parts import OperationsParts
from bots.admin.shell import Shell

ADDRESS = "/admin/operations/maintenance"
LEVELS = ("debug", "info", "warning", "error")


class Maintenance(BaseModel):
    on: bool = False
    message: str = Field("", max_length=500)


class Level(BaseModel):
    """Empty: as each process was started."""

    level: Literal["", "debug", "info", "warning", "error"] = ""


def maintenance_pages(shell: Shell, parts: OperationsParts) -> APIRouter:
    router = page_router()
    pages = MaintenancePages(shell, parts)
    router.add_api_route("/operations/maintenance", pages.page, methods=["GET"])
    router.add_api_route("/operations/maintenance", pages.maintain, methods=["POST"])
    router.add_api_route("/operations/log-level", pages.log, methods=["POST"])
    return router


class MaintenancePages:
    def __init__(self, shell: Shell, parts: OperationsParts) -> None:
        self._shell = shell
        self._parts = parts

    async def page(
        self, request: Request, _: Viewer, done: Literal["", "on", "off", "level"] = ""
    ) -> Response:
        return await self._page(request, done=done)

    async def maintain(
        self,
        request: Request,
        me: Operator,
        form: Annotated[Form[Maintenance], form_of(Maintenance)],
    ) -> Response:
        if form.value is None:
            faults = form.said(self._shell.words(request))
            return await self._page(request, faults=faults, message=form.given.get("message"))
        live, wanted = self._parts.live, form.value
        # The words first: nobody shall read those of the last time.
        await live.change("maintenance_message", wanted.message.strip(), me.actor)
        await live.change("maintenance", wanted.on, me.actor)
        return RedirectResponse(f"{ADDRESS}?done={'on' if wanted.on else 'off'}", 303)

    async def log(self, me: Operator, form: Annotated[Form[Level], form_of(Level)]) -> Response:
        if form.value is None:
            raise Fault(400, "shell.field_choice")
        await self._parts.live.change("log_level", form.value.level or None, me.actor)
        return RedirectResponse(f"{ADDRESS}?done=level", 303)

    async def _page(
        self,
        request: Request,
        *,
        done: str = "",
        faults: dict[str, str] | None = None,
        message: str | None = None,
    ) -> Response:
        await self._parts.live.refresh()
        settings = self._parts.live.settings
        context = {
            "on": settings.maintenance,
            "message": settings.maintenance_message if message is None else message,
            "level": settings.log_level or "",
            "levels": LEVELS,
            "processes": await self._parts.processes.present(),
            "done": done,
            "faults": faults or {},
        }
        status = 400 if faults else 200
        return self._shell.page(request, "operations_maintenance.html", context, status)
