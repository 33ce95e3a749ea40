"""The door: every HTTP request passes here before any page or endpoint sees it.

Pure ASGI, so that a stream is passed on piece by piece.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bots.http.body import MOST_BYTES, BodyRoom, read_body
from bots.http.failures import Refused
from bots.http.headers import with_security_headers
from bots.http.hosts import AllowedHosts, is_loopback, split_host
from bots.http.origin import is_same_origin
from bots.http.safety import HttpSafety, same_secret
from bots.http.session import COOKIE, Sessions
from bots.http.signin import login_address

# Probes come by address or by a container's name, and learn nothing but "alive" and "ready".
_PROBES = frozenset({"/healthz", "/readyz"})
_OPEN = _PROBES | {"/login", "/metrics"}  # /metrics has its own rule
# These prove themselves: a platform by its signature, a client of the API by its key.
_WEBHOOKS = "/webhooks/"
_API = "/v1/"
_DASHBOARD = "/admin"  # asks who it is, and what they may, at each of its routes
_STATIC = "/static/"


class Guard:
    def __init__(self, app: ASGIApp, safety: HttpSafety, sessions: Sessions | None) -> None:
        self._app = app
        self._safety = safety
        self._sessions = sessions
        self._hosts = AllowedHosts(safety.host, safety.allowed_hosts)
        self._room = BodyRoom(max(MOST_BYTES, 4 * safety.max_body_bytes))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, with_security_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008})  # no page of ours opens one

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = self._check(scope)
            if response is None and scope["method"] not in ("GET", "HEAD"):
                receive = await read_body(scope, receive, self._safety.max_body_bytes, self._room)
        except Refused as error:
            response = error.response()
        if response is None:
            await self._app(scope, receive, send)
        else:
            await response(scope, receive, send)

    def _check(self, scope: Scope) -> Response | None:
        """None lets the request in. Raises Refused."""
        path, headers = scope["path"], Headers(scope=scope)
        if path in _PROBES or path.startswith(_WEBHOOKS):
            return None
        self._check_host(headers)
        self._check_origin(scope["method"], path, headers)
        if path == "/metrics":
            self._check_metrics(scope, headers)
        if self._needs_signin(path) and not self._signed_in(headers):
            return self._ask_for_password(scope, headers)
        return None

    def _check_host(self, headers: Headers) -> None:
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._hosts.allow(host):
            raise Refused(
                421,
                "This server does not go by the name in the request's Host header. If it "
                "should, add the name to OUTRIDER_HTTP__ALLOWED_HOSTS.",
                code="unknown_host",
            )

    def _check_origin(self, method: str, path: str, headers: Headers) -> None:
        if path.startswith(_API) and "authorization" in headers:
            return  # a browser never adds the key by itself
        if not is_same_origin(method, headers):
            raise Refused(403, "The request comes from a page of another site.", code="origin")

    def _check_metrics(self, scope: Scope, headers: Headers) -> None:
        host = split_host(headers["host"])
        local = is_loopback((scope.get("client") or ("",))[0])
        if local and host is not None and is_loopback(host[0]):
            return
        key = self._safety.metrics_key
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if key is None or scheme.lower() != "bearer" or not same_secret(given.strip(), key):
            raise Refused(
                401,
                "Metrics are for this machine, or for a bearer key.",
                headers={"www-authenticate": "Bearer"},
            )

    def _needs_signin(self, path: str) -> bool:
        if path in _OPEN or path == _DASHBOARD:
            return False
        return not path.startswith((_API, _STATIC, _DASHBOARD + "/"))

    def _signed_in(self, headers: Headers) -> bool:
        if self._sessions is None:
            return True
        return any(self._sessions.valid(token) for token in _cookies(headers, COOKIE))

    def _ask_for_password(self, scope: Scope, headers: Headers) -> Response:
        if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            query = scope["query_string"].decode("latin-1")
            return RedirectResponse(
                login_address(scope["path"] + ("?" + query if query else "")),
                303,
                headers={"cache-control": "no-store"},
            )
        raise Refused(401, "Sign in first, at /login.", code="sign_in")


def _cookies(headers: Headers, name: str) -> list[str]:
    """Every cookie of that name: another program on this host may have set one too."""
    found = []
    for header in headers.getlist("cookie"):
        for part in header.split(";"):
            try:
                morsel = SimpleCookie(part.strip()).get(name)
            except CookieError:
                continue
            if morsel is not None:
                found.append(morsel.value)
    return found
