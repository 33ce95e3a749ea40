"""Answers that are not where they belong: shown again, or looked after."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from bots.admin.faults import page_router
from bots.admin.form import Form, form_of
from bots.admin.operations.failed import LARGEST_ID, OneTurn, Operator, Viewer, turn_of
from bots.admin.operations.parts import OperationsParts
from bots.admin.shell import Shell

ADDRESS = "/admin/operations/deliveries"
SHOWN = 50

Turn = Annotated[Form[OneTurn], form_of(OneTurn)]


def delivery_pages(shell: Shell, parts: OperationsParts) -> APIRouter:
    router = page_router()
    pages = DeliveryPages(shell, parts)
    router.add_api_route("/operations/deliveries", pages.page, methods=["GET"])
    router.add_api_route("/operations/deliveries/again", pages.again, methods=["POST"])
    router.add_api_route("/operations/deliveries/again-all", pages.all_again, methods=["POST"])
    router.add_api_route("/operations/deliveries/settle", pages.settle, methods=["POST"])
    return router


class DeliveryPages:
    def __init__(self, shell: Shell, parts: OperationsParts) -> None:
        self._shell = shell
        self._parts = parts

    async def page(
        self,
        request: Request,
        _: Viewer,
        done: Literal["", "again", "all", "settled"] = "",
        n: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
    ) -> Response:
        seen = await self._parts.undelivered.seen(SHOWN)
        context = {"seen": seen, "most": SHOWN, "done": done, "n": n}
        return self._shell.page(request, "operations_deliveries.html", context)

    async def again(self, me: Operator, form: Turn) -> Response:
        turn = turn_of(form)
        await self._parts.redelivery.one(me.actor, turn)
        return RedirectResponse(f"{ADDRESS}?done=again&n={turn}", 303)

    async def all_again(self, me: Operator) -> Response:
        again = await self._parts.redelivery.all(me.actor)
        return RedirectResponse(f"{ADDRESS}?done=all&n={again}", 303)

    async def settle(self, me: Operator, form: Turn) -> Response:
        turn = turn_of(form)
        await self._parts.redelivery.settle(me.actor, turn)
        return RedirectResponse(f"{ADDRESS}?done=settled&n={turn}", 303)
