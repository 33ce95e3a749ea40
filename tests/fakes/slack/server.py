"""A server that acts like slack.com: Web API, Socket Mode and Events API, over real sockets."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import ClientSession, web

from tests.fakes.slack.asked import Asked
from tests.fakes.slack.clock import Clock, HandClock, WallClock
from tests.fakes.slack.delivery import Courier, Delivery, Schedule
from tests.fakes.slack.file_host import FileHost
from tests.fakes.slack.methods import SCOPES, TABLE
from tests.fakes.slack.oauth import OAuth
from tests.fakes.slack.people import People
from tests.fakes.slack.rates import RateLimiter, Rates
from tests.fakes.slack.refused import Refused
from tests.fakes.slack.responses import ResponseUrls
from tests.fakes.slack.sockets import MOST
from tests.fakes.slack.state import State
from tests.fakes.slack.workspace import Broadcast, Workspace


@dataclass(slots=True)
class Call:
    method: str
    arguments: Mapping[str, Any]
    at: float
    team: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to a method's next call. `then_lose`: it takes effect, the answer is lost."""

    error: str = ""
    status: int = 200
    retry_after: int | None = None
    hang_seconds: float = 0.0
    then_lose: bool = False


class FakeSlack(People):
    """`async with FakeSlack() as slack:` serves at `slack.url` until the block ends.

    With a `HandClock` everything goes by it: rates, streams, tickets, redeliveries.
    `latency_seconds` is the round trip added to each call, and to each event.
    """

    bot_token = "xoxb-fake-bot"
    app_token = "xapp-fake-app"
    signing_secret = "fake-signing-secret"

    def __init__(
        self,
        *,
        schedule: Schedule | None = None,
        rates: Rates | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], float] = time.time,
        latency_seconds: float = 0.0,
    ) -> None:
        by_hand = isinstance(clock, HandClock)
        moment: Clock = clock if isinstance(clock, HandClock) else WallClock(clock)
        self.courier = Courier(schedule or Schedule(), self.signing_secret, moment, latency_seconds)
        self.state = State(moment, self.courier, lambda: self.url)
        first = Workspace(token=self.bot_token, clock=moment)
        self.state.add_workspace(first)
        super().__init__(self.state, first)
        self.oauth = OAuth(self.state)
        self.file_host = FileHost(self.state)
        self.calls: list[Call] = []
        self.app = web.Application(client_max_size=64 * 1024 * 1024)
        self._limiter = RateLimiter(rates or Rates(), moment if by_hand else time.monotonic)
        self._troubles: dict[str, list[Trouble]] = {}
        self._tickets: set[str] = set()
        self._address = (host, port)
        self._way_seconds = latency_seconds / 2
        self._runner: web.AppRunner | None = None
        self._route()

    def _route(self) -> None:
        routes = self.app.router
        routes.add_get("/link", self._link)
        routes.add_route("*", "/api/{method}", self._api)
        routes.add_get("/files-pri/{file}/{name}", self.file_host.give)
        routes.add_get("/signin", self.file_host.sign_in)
        routes.add_post("/upload/v1/{ticket}", self.file_host.take)
        routes.add_get("/oauth/v2/authorize", self.oauth.ask)
        routes.add_post("/oauth/v2/authorize", self.oauth.decide)
        routes.add_post("/response/{ticket}", ResponseUrls(self.state).take)

    # --- life

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self.app, shutdown_timeout=0.5, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, *self._address)
        await site.start()
        self._address = self._runner.addresses[0][:2]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.courier.close()
        await self.courier.sockets.drop()
        if self._runner:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The root to set as OUTRIDER_SLACK__BASE_URL."""
        return f"http://{self._address[0]}:{self._address[1]}"

    def add_workspace(self, team_id: str, name: str, *, installed: bool = True) -> People:
        """Another workspace, with a bot user and a token of its own."""
        workspace = Workspace(
            team_id,
            name,
            token=f"xoxb-fake-{team_id}",
            bot_user_id=f"U0BOT{team_id}",
            bot_id=f"B0BOT{team_id}",
            clock=self.state.clock,
        )
        workspace.installed = installed
        if not installed:
            workspace.dead_tokens[workspace.token] = "account_inactive"
        self.state.add_workspace(workspace)
        return People(self.state, workspace)

    # --- what there is to see

    def calls_of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    @property
    def refusals(self) -> list[Call]:
        """Every call that was not answered with ok."""
        return [call for call in self.calls if call.error]

    @property
    def broadcasts(self) -> list[Broadcast]:
        """Each time that the bot called everybody, in any workspace."""
        return [one for workspace in self.state.workspaces.values() for one in workspace.broadcasts]

    @property
    def deliveries(self) -> list[Delivery]:
        """What people's doings became; the bot's own messages come as events too, but not here."""
        own = {workspace.bot_id for workspace in self.state.workspaces.values()}
        return [d for d in self.courier.deliveries if _author(d.body) not in own]

    async def until(self, holds: Callable[[], bool], seconds: float = 30.0) -> None:
        """Wait until it holds; TimeoutError after `seconds`."""
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.01)

    # --- what goes wrong

    def give_at_once(self, messages: int) -> None:
        """The most messages on one page, whatever is asked for."""
        self.state.page_messages = messages

    def trouble(self, method: str, *troubles: Trouble) -> None:
        """What happens to the next calls of a method, one each."""
        self._troubles.setdefault(method, []).extend(troubles)

    async def subscribe(self, request_url: str) -> None:
        """Send events to this address from now on, after Slack's question whether it is right."""
        body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1a"}).encode()
        headers = {"content-type": "application/json"} | self.courier.signed(body)
        async with (
            ClientSession() as session,
            session.post(request_url, data=body, headers=headers) as answer,
        ):
            if answer.status != 200 or await answer.text() != "3eZbrw1a":
                raise ValueError(f"The address did not answer the challenge: {answer.status}.")
        self.courier.request_url = request_url

    # --- the wire

    async def _link(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets or len(self.courier.sockets.open) >= MOST:
            raise web.HTTPForbidden
        self._tickets.discard(ticket)
        return await self.courier.sockets.serve(request)

    async def _api(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        await asyncio.sleep(self._way_seconds)
        answer = await self._answered(request)
        await asyncio.sleep(self._way_seconds)
        return answer

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        method, arguments = request.match_info["method"], await _arguments(request)
        authorization = request.headers.get("authorization", "")
        call = Call(method, arguments, self.state.clock())
        self.calls.append(call)
        try:
            workspace = self._caller(method, authorization)
        except Refused as refused:
            call.error = refused.code
            return _answer(refused.answer)
        call.team = workspace.team_id if workspace else ""
        troubles = self._troubles.get(method)
        trouble = troubles.pop(0) if troubles else None
        if trouble:
            await asyncio.sleep(trouble.hang_seconds)
            if not trouble.then_lose:
                call.error = trouble.error or str(trouble.status)
                return _troubled(trouble)
        wait = self._limiter.retry_after(method, str(arguments.get("channel", "")), call.team)
        if wait is not None:
            call.error = "ratelimited"
            return _troubled(Trouble("ratelimited", 429, wait))
        answer = self._carry_out(call, workspace, authorization)
        if trouble and request.transport:
            request.transport.abort()
        return _answer(answer)

    def _carry_out(
        self, call: Call, workspace: Workspace | None, authorization: str
    ) -> Mapping[str, Any]:
        try:
            if call.method == "apps.connections.open":
                return self._ticket()
            if call.method == "oauth.v2.access":
                return {"ok": True} | self.oauth.access(call.arguments, authorization)
            carry_out = TABLE.get(call.method)
            if carry_out is None or workspace is None:
                raise Refused("unknown_method")
            _check_scopes(workspace, call.method)
            token = authorization.removeprefix("Bearer ")
            return {"ok": True} | carry_out(Asked(self.state, workspace, call.arguments, token))
        except Refused as refused:
            call.error = refused.code
            return refused.answer

    def _ticket(self) -> Mapping[str, Any]:
        ticket = uuid.uuid4().hex
        self._tickets.add(ticket)
        return {"ok": True, "url": f"{self.url.replace('http', 'ws', 1)}/link?ticket={ticket}"}

    def _caller(self, method: str, authorization: str) -> Workspace | None:
        """Whose token it is; None for what belongs to no workspace. Raises Refused."""
        token = authorization.removeprefix("Bearer ")
        if method == "oauth.v2.access":
            return None
        if not token:
            raise Refused("not_authed")
        if method == "apps.connections.open":
            if token == self.app_token:
                return None
            known = any(token == one.token for one in self.state.workspaces.values())
            raise Refused("not_allowed_token_type" if known else "invalid_auth")
        for workspace in self.state.workspaces.values():
            if code := workspace.dead_tokens.get(token):
                raise Refused(code)
            if token == workspace.token:
                return workspace
        raise Refused("not_allowed_token_type" if token == self.app_token else "invalid_auth")


def _check_scopes(workspace: Workspace, method: str) -> None:
    needed = SCOPES.get(method)
    if needed and workspace.scopes is not None and not workspace.scopes & set(needed):
        provided = ",".join(sorted(workspace.scopes))
        raise Refused("missing_scope", needed=needed[0], provided=provided)


async def _arguments(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        given = await request.json() if request.body_exists else {}
        return given if isinstance(given, dict) else {}
    form = await request.post()
    given = {**request.query, **{key: str(value) for key, value in form.items()}}
    for key in ("blocks", "metadata", "view", "files", "prompts", "chunks", "loading_messages"):
        if key in given:
            given[key] = json.loads(given[key])
    return given


def _answer(body: Mapping[str, Any], status: int = 200) -> web.Response:
    return web.json_response(body, status=status)


def _troubled(trouble: Trouble) -> web.Response:
    if not trouble.error:
        return web.Response(
            status=trouble.status, text="<html>Oops</html>", content_type="text/html"
        )
    headers = {} if trouble.retry_after is None else {"Retry-After": str(trouble.retry_after)}
    body = {"ok": False, "error": trouble.error}
    return web.json_response(body, status=trouble.status, headers=headers)


def _author(body: Mapping[str, Any]) -> str:
    event = body.get("event", {})
    message = event.get("message") or event.get("previous_message") or event
    return str(message.get("bot_id", ""))
