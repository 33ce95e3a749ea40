"""The queue, live: what runs, what waits, and the end of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from assistant.storage.admins import Admins
from bots.admin.faults import page_router
from bots.admin.form import Form, form_of
from bots.admin.live import live
from bots.admin.operations.failed import OneTurn, Operator, Viewer, turn_of
from bots.admin.operations.parts import OperationsParts
from bots.admin.shell import Shell

ADDRESS = "/admin/operations/queue"
SHOWN = 50


def queue_pages(shell: Shell, parts: OperationsParts, admins: Admins) -> APIRouter:
    router = page_router()
    pages = QueuePages(shell, parts, admins)
    router.add_api_route("/operations/queue", pages.page, methods=["GET"])
    router.add_api_route("/operations/queue/live", pages.live, methods=["GET"])
    router.add_api_route("/operations/queue/stop", pages.stop, methods=["POST"])
    return router


class QueuePages:
    def __init__(self, shell: Shell, parts: OperationsParts, admins: Admins) -> None:
        self._shell = shell
        self._parts = parts
        self._admins = admins

    async def page(self, request: Request, _: Viewer) -> Response:
        context = {"seen": await self._parts.queue.seen(SHOWN), "most": SHOWN}
        return self._shell.page(request, "operations_queue.html", context)

    async def live(self, request: Request, me: Viewer) -> Response:
        async def render() -> dict[str, str]:
            context = {"seen": await self._parts.queue.seen(SHOWN), "most": SHOWN}
            return {"queue": self._shell.html(request, "operations_queue_part.html", context)}

        return live(render, me, self._admins.of_session)

    async def stop(
        self, me: Operator, form: Annotated[Form[OneTurn], form_of(OneTurn)]
    ) -> Response:
        await self._parts.retries.stop(me.actor, turn_of(form))
        return RedirectResponse(ADDRESS, 303)
