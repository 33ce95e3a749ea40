"""What goes wrong in the dashboard, as a page that says what to do."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from assistant.errors import AssistantError, StorageUnavailable
from bots.http.signin import local_target

log = structlog.get_logger()

SIGN_IN = "/admin/login"


class Fault(Exception):
    """Ends a request with a status and a sentence: the word `key` with `values`.

    `sentence` in its place where the service said it, in English.
    """

    def __init__(self, status: int, key: str = "", *, sentence: str = "", **values: object) -> None:
        super().__init__(sentence or key)
        self.status = status
        self.key = key
        self.sentence = sentence
        self.values_said = values


class NotSignedIn(Exception):
    """Leads to the sign-in, and from there back."""


class AdminRoute(APIRoute):
    """Finds who asks before all else, and answers every failure as a page; htmx shows that in
    place of the whole."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                await request.app.state.admin_door.enter(request)
                response = await handle(request)
                # Also of redirects and files: nothing of it stays in a browser or a proxy.
                response.headers.setdefault("cache-control", "no-store")
                return response
            except NotSignedIn:
                return _to_sign_in(request)
            except Exception as error:
                return page_of(request, fault_of(error))

        return handler


def page_router() -> APIRouter:
    """For the routes of a page, whose paths go on from /admin."""
    return APIRouter(prefix="/admin", route_class=AdminRoute, include_in_schema=False)


def fault_of(error: Exception) -> Fault:
    """What a person is told of it. What nobody foresaw is logged with its trace."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, StorageUnavailable):
        return Fault(503, "shell.no_database")
    if isinstance(error, RequestValidationError):
        return Fault(404, "shell.not_found")  # of an address: a form has its own sentences
    if isinstance(error, HTTPException) and error.status_code == 404:
        return Fault(404, "shell.not_found")
    if isinstance(error, AssistantError):
        return Fault(409, sentence=str(error))
    log.error("admin_page_failed", exc_info=error)
    return Fault(500, "shell.broken")


def page_of(request: Request, fault: Fault) -> Response:
    response: Response = request.app.state.admin_shell.fault(request, fault)
    return response


def _to_sign_in(request: Request) -> Response:
    if request.headers.get("hx-request"):
        headers = {"hx-redirect": SIGN_IN, "cache-control": "no-store"}
        return Response(status_code=204, headers=headers)
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = local_target(back) if request.method == "GET" else "/admin"
    address = f"{SIGN_IN}?{urlencode({'next': target})}"
    return RedirectResponse(address, 303, headers={"cache-control": "no-store"})
