"""The sign-in page: one password for the whole team, a cookie in return."""

from __future__ import annotations

import math
from pathlib import Path
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Request
from fastapi.templating import Jinja2Templates
from pydantic import SecretStr
from starlette.responses import RedirectResponse, Response

from bots.http.safety import same_secret
from bots.http.session import COOKIE, LIFETIME_SECONDS, Sessions
from bots.http.throttle import Throttle, network_of

_TEMPLATES = Path(__file__).parent / "templates"


def signin_router(password: SecretStr, sessions: Sessions, throttle: Throttle) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    templates = Jinja2Templates(_TEMPLATES)

    def page(request: Request, target: str, status: int = 200, error: str = "") -> Response:
        # Browsers send "Origin: null" with a form where no referrer is allowed at all, and the
        # origin check could then not tell our form from a stranger's.
        headers = {"cache-control": "no-store", "referrer-policy": "same-origin"}
        context = {"error": error, "next": target}
        return templates.TemplateResponse(request, "login.html", context, status, headers)

    @router.get("/login")
    async def form(request: Request) -> Response:
        return page(request, local_target(request.query_params.get("next", "/")))

    @router.post("/login")
    async def sign_in(request: Request) -> Response:
        fields = parse_qs((await request.body()).decode("utf-8", "replace"))
        target = local_target(fields.get("next", ["/"])[0])
        client = network_of(request.client.host if request.client else "")
        wait = throttle.wait_seconds(client)
        if wait > 0:
            sentence = f"Too many wrong passwords. Try again in {math.ceil(wait)} s."
            return page(request, target, 429, sentence)
        throttle.failed(client)
        if not same_secret(fields.get("password", [""])[0], password):
            return page(request, target, 403, "That is not the password.")
        throttle.succeeded(client)
        response = RedirectResponse(target, 303)
        response.set_cookie(
            COOKIE,
            sessions.issue(),
            max_age=LIFETIME_SECONDS,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response

    @router.post("/logout")
    async def sign_out() -> Response:
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE)
        return response

    return router


def login_address(target: str) -> str:
    return f"/login?{urlencode({'next': local_target(target)})}"


def local_target(target: str) -> str:
    """Where to go after signing in: a path of ours, never another site."""
    plain = target.isascii() and target.isprintable() and "\\" not in target
    return target if plain and target.startswith("/") and not target.startswith("//") else "/"
