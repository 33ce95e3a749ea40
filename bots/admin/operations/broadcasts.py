"""Broadcasts: one text to all who asked for news, how far it is, and its stop."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from assistant.errors import BroadcastRefused
from assistant.outgoing.broadcasts import LONGEST, Broadcast
from assistant.storage.admins import Admins
from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, form_of
from bots.admin.live import live
from bots.admin.operations.failed import LARGEST_ID, Operator, Viewer
from bots.admin.operations.parts import OperationsParts
from bots.admin.shell import Shell

ADDRESS = "/admin/operations/broadcasts"
SHOWN = 20

Number = Annotated[int, Path(ge=1, lt=LARGEST_ID)]

WORDS = {"empty": "shell.field_missing", "nobody": "operations.nobody"}


class NewBroadcast(BaseModel):
    text: str = Field(max_length=LONGEST)
    channel: str = Field("", max_length=40)


def broadcast_pages(shell: Shell, parts: OperationsParts, admins: Admins) -> APIRouter:
    router = page_router()
    pages = BroadcastPages(shell, parts, admins)
    router.add_api_route("/operations/broadcasts", pages.page, methods=["GET"])
    router.add_api_route("/operations/broadcasts", pages.start, methods=["POST"])
    router.add_api_route("/operations/broadcasts/{number}", pages.one, methods=["GET"])
    router.add_api_route("/operations/broadcasts/{number}/live", pages.live, methods=["GET"])
    router.add_api_route("/operations/broadcasts/{number}/stop", pages.stop, methods=["POST"])
    return router


class BroadcastPages:
    def __init__(self, shell: Shell, parts: OperationsParts, admins: Admins) -> None:
        self._shell = shell
        self._broadcasts = parts.broadcasts
        self._admins = admins

    async def page(self, request: Request, _: Viewer) -> Response:
        return await self._page(request)

    async def start(
        self,
        request: Request,
        me: Operator,
        form: Annotated[Form[NewBroadcast], form_of(NewBroadcast)],
    ) -> Response:
        words = self._shell.words(request)
        if form.value is None:
            return await self._page(request, form, form.said(words))
        try:
            made = await self._broadcasts.start(me.actor, form.value.text, form.value.channel)
        except BroadcastRefused as refused:
            word = WORDS.get(refused.code)
            return await self._page(request, form, {"text": words(word) if word else str(refused)})
        return RedirectResponse(f"{ADDRESS}/{made}", 303)

    async def one(self, request: Request, _: Viewer, number: Number) -> Response:
        context = {"one": await self._found(number)}
        return self._shell.page(request, "operations_broadcast.html", context)

    async def live(self, request: Request, me: Viewer, number: Number) -> Response:
        await self._found(number)

        async def render() -> dict[str, str]:
            context = {"one": await self._found(number)}
            return {"progress": self._shell.html(request, "operations_progress_part.html", context)}

        return live(render, me, self._admins.of_session, seconds=1.0)

    async def stop(self, me: Operator, number: Number) -> Response:
        await self._broadcasts.stop(me.actor, (await self._found(number)).id)
        return RedirectResponse(f"{ADDRESS}/{number}", 303)

    async def _found(self, number: int) -> Broadcast:
        found = await self._broadcasts.find(number)
        if found is None:
            raise Fault(404, "shell.not_found")
        return found

    async def _page(
        self,
        request: Request,
        form: Form[NewBroadcast] | None = None,
        faults: dict[str, str] | None = None,
    ) -> Response:
        context = {
            "broadcasts": await self._broadcasts.newest(SHOWN),
            "wanted": await self._broadcasts.wanted(),
            "given": form.given if form else {},
            "faults": faults or {},
            "longest": LONGEST,
        }
        status = 400 if faults else 200
        return self._shell.page(request, "operations_broadcasts.html", context, status)
