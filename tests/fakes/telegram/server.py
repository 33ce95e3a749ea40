"""The HTTP server, and what tests do with it: read the chats, wait, make it fail."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from aiohttp import web

from tests.fakes.telegram.asking import Asking
from tests.fakes.telegram.bots import FakeBot
from tests.fakes.telegram.chats import Fields, Message
from tests.fakes.telegram.flood import FloodControl, Limits
from tests.fakes.telegram.methods import Methods
from tests.fakes.telegram.methods.uploads import Upload
from tests.fakes.telegram.refusals import Refused, bad_request
from tests.fakes.telegram.updates import UpdateQueue
from tests.fakes.telegram.webhooks import Webhooks

TOKEN = "1234567:fake-telegram-token"  # of this fake only
USERNAME = "OutriderTestBot"
DRAFT_SECONDS = 30.0
TYPING_SECONDS = 5.0
STRUCTURED = frozenset(
    {"allowed_updates", "commands", "drop_pending_updates", "entities", "link_preview_options"}
    | {"caption_entities", "message_ids", "reaction", "reply_markup", "reply_parameters"}
    | {"result", "results", "rich_message", "scope"}
)


@dataclass(frozen=True)
class Failure:
    """What the next call of a method meets. With `effect` the call is carried out all the same."""

    status: int = 500
    description: str = "Internal Server Error"
    retry_after: int | None = None
    effect: bool = False
    hang_seconds: float = 0.0
    drop: bool = False  # close the connection without an answer
    body: str | None = None  # answer this with 200, whatever it is


@dataclass
class Call:
    method: str
    params: Fields
    at: float
    bot: str = USERNAME
    refusal: str = ""  # Telegram's words, where it was refused


class FakeTelegram(Asking):
    """`async with FakeTelegram() as telegram:`, then `telegram.url` and `telegram.token`.

    `clock` counts seconds; `latency_seconds` is the round trip added to each call. Both hold for
    all bots; what names no bot is about the first.
    """

    def __init__(
        self,
        *,
        token: str = TOKEN,
        username: str = USERNAME,
        limits: Limits | None = None,
        port: int = 0,
        clock: Callable[[], float] = time.monotonic,
        latency_seconds: float = 0.0,
        can_read_all_group_messages: bool = False,
    ) -> None:
        super().__init__(limits or Limits(), clock)
        self.token = token
        self.calls: list[Call] = []
        self.downloads: list[str] = []  # the file_ids of files that were fetched
        self.refused_tokens = 0  # calls with a token that is not ours
        self.port = port
        self.latency_seconds = latency_seconds
        self._methods: dict[str, Methods] = {}
        self._webhooks: list[asyncio.Task[None]] = []
        self._failures: dict[str, deque[Failure]] = defaultdict(deque)
        self._runner: web.AppRunner | None = None
        self.add_bot(token, username, can_read_all_group_messages=can_read_all_group_messages)

    def add_bot(
        self, token: str, username: str, *, can_read_all_group_messages: bool = False
    ) -> FakeBot:
        bot = super().add_bot(
            token, username, can_read_all_group_messages=can_read_all_group_messages
        )
        self._methods[token] = Methods(self, bot)
        if self._runner is not None:
            self._start_webhooks(bot)
        return bot

    # The first bot's.

    @property
    def bot(self) -> Fields:
        return self.first_bot.user

    @property
    def queue(self) -> UpdateQueue:
        return self.first_bot.queue

    @property
    def flood(self) -> FloodControl:
        return self.first_bot.flood

    @property
    def methods(self) -> Methods:
        return self._methods[self.token]

    async def __aenter__(self) -> FakeTelegram:
        app = web.Application(client_max_size=80 * 2**20)
        app.router.add_route("*", "/bot{token}/{method}", self._answer)
        app.router.add_get("/file/bot{token}/{path:.+}", self._file)
        self.add_routes(app)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]
        for bot in self.bots.values():
            self._start_webhooks(bot)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._webhooks:
            task.cancel()
        await asyncio.gather(*self._webhooks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    def add_routes(self, app: web.Application) -> None:
        """For more routes beside Telegram's."""

    def _start_webhooks(self, bot: FakeBot) -> None:
        delivery = Webhooks(bot, self)
        self._webhooks.append(asyncio.create_task(delivery.run()))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # What is to be seen

    def messages(self, chat_id: int, bot: FakeBot | None = None) -> list[Message]:
        """The bot's messages in a chat, without the deleted ones."""
        bot = bot or self.first_bot
        stored = self.chat(chat_id, bot).messages.values()
        mine = [one for one in stored if one.sender["id"] == bot.bot_id]
        return [one for one in mine if one.deleted_at is None]

    def drafts(self, chat_id: int, bot: FakeBot | None = None) -> list[str]:
        """The texts that are shown as being written."""
        drafts = self.chat(chat_id, bot).drafts.values()
        newest = [versions[-1] for versions in drafts]
        return [one.text for one in newest if self.now() - one.at < DRAFT_SECONDS]

    def is_typing(self, chat_id: int, bot: FakeBot | None = None) -> bool:
        """What a bot sent since ends it."""
        chat = self.chat(chat_id, bot)
        written = [one.versions[0].at for one in self.messages(chat_id, bot)]
        return any(
            self.now() - at < TYPING_SECONDS and at >= max(written, default=0.0)
            for at, _ in chat.actions
        )

    def calls_of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method.lower() == method.lower()]

    async def until(self, condition: Callable[[], object], timeout: float = 30.0) -> None:
        """Wait until it holds; it is looked at after every call and every update."""
        async with asyncio.timeout(timeout):
            while not condition():
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await self._changed.wait()

    # Trouble

    def fail_next(self, method: str, failure: Failure | None = None, times: int = 1) -> None:
        """`method`: also "file", for what is fetched from the file API."""
        self._failures[method.lower()].extend([failure or Failure()] * times)

    # HTTP

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(self.latency_seconds / 2)
        answer = await self._answered(request)
        await asyncio.sleep(self.latency_seconds / 2)
        return answer

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        method, methods = (
            request.match_info["method"],
            self._methods.get(request.match_info["token"]),
        )
        if methods is None:
            self.refused_tokens += 1
            self.wake()
            return _refusal(Refused(401, "Unauthorized"))
        call = Call(method, {}, self.now(), methods.bot.username)
        self.calls.append(call)
        queued = self._failures[method.lower()]
        failure = queued.popleft() if queued else None
        try:
            call.params = await _params(request)
            if failure is not None and not failure.effect:
                return await self._fail(request, failure)
            result = await methods.call(method, call.params)
            if failure is not None:
                return await self._fail(request, failure)
            return web.json_response({"ok": True, "result": result})
        except Refused as refused:
            call.refusal = refused.description
            return _refusal(refused)
        finally:
            self.wake()

    async def _fail(self, request: web.Request, failure: Failure) -> web.StreamResponse:
        await asyncio.sleep(failure.hang_seconds)
        if failure.drop and request.transport is not None:
            request.transport.abort()
        if failure.body is not None:
            return web.Response(text=failure.body, content_type="application/json")
        return _refusal(Refused(failure.status, failure.description, failure.retry_after))

    async def _file(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(self.latency_seconds)
        if request.match_info["token"] not in self.bots:
            return _refusal(Refused(401, "Unauthorized"))
        path = request.match_info["path"]
        named = {self.file_paths.get(one, f"documents/{one}"): one for one in self.files}
        if path not in named:
            return _refusal(Refused(404, "Not Found"))
        if self._failures["file"]:
            return await self._fail(request, self._failures["file"].popleft())
        self.downloads.append(named[path])
        return web.Response(body=self.files[named[path]])


def _refusal(refused: Refused) -> web.Response:
    body: dict[str, Any] = {
        "ok": False,
        "error_code": refused.status,
        "description": refused.description,
    }
    if refused.parameters:
        body["parameters"] = refused.parameters
    return web.json_response(body, status=refused.status)


async def _params(request: web.Request) -> Fields:
    """From the query, a form or JSON; in a form, structured values come as JSON text."""
    params: Fields = dict(request.query)
    if request.content_type == "application/json":
        params.update(await request.json())
    else:
        for name, value in (await request.post()).items():
            params[name] = _uploaded(value) if isinstance(value, web.FileField) else value
    for name in STRUCTURED & params.keys():
        if isinstance(params[name], str):
            params[name] = _decoded(name, params[name])
    attached = {one.part: one for one in params.values() if isinstance(one, Upload)}
    return {name: _attachment(value, attached) for name, value in params.items()}


def _decoded(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from None


def _uploaded(part: web.FileField) -> Upload:
    return Upload(part.name, part.filename, part.file.read(), part.content_type)


def _attachment(value: Any, attached: dict[str, Upload]) -> Any:
    """A parameter may name another part of the form, which has the file."""
    named = value.removeprefix("attach://") if isinstance(value, str) else ""
    return attached.get(named, value) if named != value else value
