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

from tests.fakes.slack.delivery import Courier, Delivery, Schedule
from tests.fakes.slack.events import EventFactory
from tests.fakes.slack.extras import Extras
from tests.fakes.slack.methods import Methods
from tests.fakes.slack.rates import RateLimiter, Rates
from tests.fakes.slack.refused import Refused
from tests.fakes.slack.workspace import Message, Version, Workspace


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    arguments: Mapping[str, Any]
    at: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to a method's next call. `then_lose`: it takes effect, the answer is lost."""

    error: str = ""
    status: int = 200
    retry_after: int | None = None
    hang_seconds: float = 0.0
    then_lose: bool = False


class FakeSlack:
    """`async with FakeSlack() as slack:` serves at `slack.url` until the block ends."""

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
    ) -> None:
        self.workspace = Workspace()
        self.courier = Courier(schedule or Schedule(), self.signing_secret, clock)
        self.events = EventFactory(self.workspace)
        self.calls: list[Call] = []
        self.app = web.Application(client_max_size=8 * 1024 * 1024)
        self._methods = Methods(self.workspace, self.events, self.courier)
        self.extras = Extras(self)
        self.extras.add_to(self.app, self._methods.table)
        self._limiter = RateLimiter(rates or Rates(), time.monotonic)
        self._troubles: dict[str, list[Trouble]] = {}
        self._tickets: set[str] = set()
        self._address = (host, port)
        self._runner: web.AppRunner | None = None
        self.app.router.add_get("/link", self._link)
        self.app.router.add_route("*", "/api/{method}", self._api)

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

    # --- what people do

    def dm(self, user: str, text: str, *, channel: str = "", thread_ts: str = "") -> Message:
        """A direct message to the bot, in the chat `D<user>` unless told otherwise."""
        channel_id = channel or f"D{user}"
        message = self.workspace.add(channel_id, user, Version(text), thread_ts=thread_ts)
        self._tell(self.events.message(self.workspace.channel(channel_id), message))
        return message

    def write(self, channel: str, user: str, text: str, *, thread_ts: str = "") -> Message:
        """A message in a channel. One that calls the bot comes as two events, as Slack does it."""
        message = self.workspace.add(channel, user, Version(text), thread_ts=thread_ts)
        place = self.workspace.channel(channel)
        self._tell(self.events.message(place, message))
        if f"<@{self.workspace.bot_user_id}>" in text:
            self._tell(self.events.app_mention(place, message))
        return message

    def bot_writes(self, channel: str, text: str, metadata: Mapping[str, Any]) -> Message:
        """Another app's message."""
        user, bot_id = "U0OTHER", "B0OTHER"
        return self.workspace.add(channel, user, Version(text), metadata=metadata, bot_id=bot_id)

    def mention(self, channel: str, user: str, text: str, *, thread_ts: str = "") -> Message:
        called = f"<@{self.workspace.bot_user_id}> {text}"
        return self.write(channel, user, called, thread_ts=thread_ts)

    def edit(self, message: Message, text: str) -> None:
        before = message.payload()
        message.versions.append(Version(text))
        channel = self.workspace.channel(message.channel)
        self._tell(self.events.changed(channel, before, message.payload()))

    def delete(self, message: Message) -> None:
        message.deleted = True
        channel = self.workspace.channel(message.channel)
        self._tell(self.events.deleted(channel, message.payload()))

    def press(self, message: Message, user: str, action_id: str = "stop") -> Delivery:
        body = self.events.pressed(message, action_id, user)
        return self.courier.deliver("interactive", body)

    def _tell(self, body: dict[str, Any]) -> None:
        self.courier.deliver("events_api", body)

    # --- what there is to see

    def messages(self, channel: str) -> list[Message]:
        return list(self.workspace.channel(channel).messages.values())

    def replies(self, channel: str) -> list[Message]:
        """What the bot wrote there and what still stands, oldest first."""
        own = self.workspace.bot_id
        return [m for m in self.messages(channel) if m.bot_id == own and not m.deleted]

    def calls_of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    @property
    def deliveries(self) -> list[Delivery]:
        """What people's doings became; the bot's own messages come as events too, but not here."""
        own = self.workspace.bot_id
        return [d for d in self.courier.deliveries if not _is_by(d.body, own)]

    async def until(self, holds: Callable[[], bool], seconds: float = 10.0) -> None:
        """Wait until it holds; TimeoutError after `seconds`."""
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.01)

    # --- what goes wrong

    def give_at_once(self, messages: int) -> None:
        """The most messages on one page, whatever is asked for."""
        self._methods.page_messages = messages

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
        if ticket not in self._tickets or len(self.courier.sockets.open) >= 10:
            raise web.HTTPForbidden
        self._tickets.discard(ticket)
        return await self.courier.sockets.serve(request)

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method, arguments = request.match_info["method"], await _arguments(request)
        self.calls.append(Call(method, arguments, time.monotonic()))
        if refused := self._token_refusal(request, method):
            return _answer({"ok": False, "error": refused})
        troubles = self._troubles.get(method)
        trouble = troubles.pop(0) if troubles else None
        if trouble:
            await asyncio.sleep(trouble.hang_seconds)
            if not trouble.then_lose:
                return _troubled(trouble)
        wait = self._limiter.retry_after(method, str(arguments.get("channel", "")))
        if wait is not None:
            return _troubled(Trouble("ratelimited", 429, wait))
        answer = self._carry_out(method, arguments)
        if trouble and request.transport:
            request.transport.abort()
        return _answer(answer)

    def _carry_out(self, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if method == "apps.connections.open":
            ticket = uuid.uuid4().hex
            self._tickets.add(ticket)
            return {"ok": True, "url": f"{self.url.replace('http', 'ws', 1)}/link?ticket={ticket}"}
        carry_out = self._methods.table.get(method)
        if carry_out is None:
            return {"ok": False, "error": "unknown_method"}
        try:
            return {"ok": True} | carry_out(arguments)
        except Refused as refused:
            return {"ok": False, "error": refused.code}

    def _token_refusal(self, request: web.Request, method: str) -> str | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        wanted, other = self.bot_token, self.app_token
        if method == "apps.connections.open":
            wanted, other = other, wanted
        if not token:
            return "not_authed"
        if token == wanted:
            return None
        return "not_allowed_token_type" if token == other else "invalid_auth"


async def _arguments(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        given = await request.json() if request.can_read_body else {}
        return given if isinstance(given, dict) else {}
    form = await request.post()
    given = {**request.query, **{key: str(value) for key, value in form.items()}}
    for key in ("blocks", "metadata"):
        if key in given:
            given[key] = json.loads(given[key])
    return given


def _answer(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.json_response(body, status=status)


def _troubled(trouble: Trouble) -> web.Response:
    if not trouble.error:
        return web.Response(
            status=trouble.status, text="<html>Oops</html>", content_type="text/html"
        )
    headers = {} if trouble.retry_after is None else {"Retry-After": str(trouble.retry_after)}
    body = {"ok": False, "error": trouble.error}
    return web.json_response(body, status=trouble.status, headers=headers)


def _is_by(body: dict[str, Any], bot_id: str) -> bool:
    event = body.get("event", {})
    message = event.get("message") or event.get("previous_message") or event
    return bool(message.get("bot_id") == bot_id)
