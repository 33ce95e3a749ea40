"""Turns that failed: each again, or all."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from assistant.insight.failures import Failure
from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, form_of
from bots.admin.operations.parts import OperationsParts
from bots.admin.shell import Shell

ADDRESS = "/admin/operations"
PAGE = 50
LARGEST_ID = 2**62

Viewer = Annotated[SignedIn, needs("viewer")]
Operator = Annotated[SignedIn, needs("operator")]
Code = Annotated[str, Query(max_length=100, pattern=r"^[a-z_]*$")]


class OneTurn(BaseModel):
    turn: int = Field(ge=1, le=LARGEST_ID)


class All(BaseModel):
    """With this error alone; empty: whatever failed."""

    code: str = Field("", max_length=100, pattern=r"^[a-z_]*$")


def failed_pages(shell: Shell, parts: OperationsParts) -> APIRouter:
    router = page_router()
    pages = FailedPages(shell, parts)
    router.add_api_route("/operations", pages.page, methods=["GET"])
    router.add_api_route("/operations/retry", pages.retry, methods=["POST"])
    router.add_api_route("/operations/retry-all", pages.retry_all, methods=["POST"])
    return router


class FailedPages:
    def __init__(self, shell: Shell, parts: OperationsParts) -> None:
        self._shell = shell
        self._parts = parts

    async def page(
        self,
        request: Request,
        _: Viewer,
        code: Code = "",
        until: datetime | None = None,
        before: Annotated[int, Query(ge=1, le=LARGEST_ID)] = LARGEST_ID,
        done: Literal["", "one", "all", "more"] = "",
        n: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
    ) -> Response:
        failures = self._parts.failures
        found = await failures.newest(PAGE + 1, code, until, before)
        context = {
            "failures": found[:PAGE],
            "older": _older(found[PAGE - 1], code) if len(found) > PAGE else "",
            "by_code": await failures.by_code(),
            "code": code,
            "done": done,
            "n": n,
        }
        return self._shell.page(request, "operations_failed.html", context)

    async def retry(
        self, me: Operator, form: Annotated[Form[OneTurn], form_of(OneTurn)]
    ) -> Response:
        again = await self._parts.retries.one(me.actor, turn_of(form))
        return RedirectResponse(f"{ADDRESS}?done=one&n={again}", 303)

    async def retry_all(self, me: Operator, form: Annotated[Form[All], form_of(All)]) -> Response:
        if form.value is None:
            raise Fault(400, "shell.field_form")
        retried = await self._parts.retries.all(me.actor, form.value.code)
        done = "more" if retried.more else "all"
        return RedirectResponse(f"{ADDRESS}?done={done}&n={retried.turns}", 303)


def turn_of(form: Form[OneTurn]) -> int:
    """Raises Fault for what is no turn's id."""
    if form.value is None:
        raise Fault(400, "shell.field_number")
    return form.value.turn


def _older(last: Failure, code: str) -> str:
    where = {"code": code, "until": last.finished_at.isoformat(), "before": last.id}
    return f"{ADDRESS}?{urlencode(where)}"
