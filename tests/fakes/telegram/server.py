"""The HTTP server, and what tests do with it: write as a person, read the chats, make it fail."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp import web

from tests.fakes.telegram.chats import Chat, Message, Version, person
from tests.fakes.telegram.content import detected_entities
from tests.fakes.telegram.flood import FloodControl, Limits
from tests.fakes.telegram.methods import Methods, Params
from tests.fakes.telegram.refusals import Refused
from tests.fakes.telegram.updates import UpdateQueue

TOKEN = "1234567:fake-telegram-token"  # of this fake only
USERNAME = "OutriderTestBot"
STRUCTURED = frozenset(
    {"allowed_updates", "commands", "drop_pending_updates", "entities", "link_preview_options"}
    | {"reaction", "reply_markup", "reply_parameters"}
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


@dataclass(frozen=True)
class Call:
    method: str
    params: Params
    at: float


class FakeTelegram:
    """`async with FakeTelegram() as telegram:`, then `telegram.url` and `telegram.token`."""

    def __init__(
        self,
        *,
        token: str = TOKEN,
        username: str = USERNAME,
        limits: Limits | None = None,
        port: int = 0,
    ) -> None:
        self.token = token
        self.bot = {"id": 99, "is_bot": True, "first_name": "Outrider", "username": username}
        self.calls: list[Call] = []
        self.refused_tokens = 0  # calls with a token that is not ours
        self.port = port
        self._began = time.monotonic()
        self.queue = UpdateQueue()
        self.flood = FloodControl(limits or Limits(), self.now)
        self.methods = Methods(self.bot, self.flood, self.queue, self.now)
        self._failures: dict[str, deque[Failure]] = defaultdict(deque)
        self._changed = asyncio.Event()
        self._queries = 0

    async def __aenter__(self) -> FakeTelegram:
        app = web.Application(client_max_size=64 * 2**20)
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
        self._webhooks = asyncio.create_task(self._deliver())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._webhooks.cancel()
        await asyncio.gather(self._webhooks, return_exceptions=True)
        await self._runner.cleanup()

    def add_routes(self, app: web.Application) -> None:
        """For more routes beside Telegram's."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def now(self) -> float:
        """Seconds since the server began."""
        return time.monotonic() - self._began

    # A person writes. Private chats have positive ids, groups negative ones.

    def user_says(
        self,
        chat_id: int,
        text: str,
        *,
        sender_id: int | None = None,
        name: str = "",
        thread_id: int | None = None,
        reply_to: int | None = None,
    ) -> Message:
        chat = self.chat(chat_id)
        if thread_id is not None:
            chat.threads.add(thread_id)
        sender = person(sender_id or abs(chat_id), name)
        version = Version(self.now(), text, detected_entities(text), None)
        message = chat.add(Message(chat_id, chat.next_id, sender, [version], thread_id, reply_to))
        self.push({"message": chat.payload(message)})
        return message

    def user_sends(self, chat_id: int, **content: Any) -> int:
        """A message without text: `photo=[…]`, `voice={…}`. Returns its update id."""
        message = self.user_says(chat_id, "-")
        self.queue.pending.pop()
        payload = self.chat(chat_id).payload(message)
        del payload["text"]
        return self.push({"message": {**payload, **content}})

    def user_edits(self, message: Message, text: str) -> int:
        message.versions.append(Version(self.now(), text, detected_entities(text), None))
        return self.push({"edited_message": self.chat(message.chat_id).payload(message)})

    def user_presses(
        self,
        message: Message,
        data: str,
        *,
        sender_id: int | None = None,
        accessible: bool = True,
    ) -> str:
        """Press a button below a message of the bot; returns the query's id.

        A message that is gone is not `accessible`: Telegram then names its chat and id alone.
        """
        self._queries += 1
        query_id = f"query-{self._queries}"
        self.methods.queries.add(query_id)
        query = {
            "id": query_id,
            "from": person(sender_id or abs(message.chat_id)),
            "message": self._pressed(message, accessible),
            "chat_instance": "1",
            "data": data,
        }
        self.push({"callback_query": query})
        return query_id

    def _pressed(self, message: Message, accessible: bool) -> dict[str, Any]:
        chat = self.chat(message.chat_id)
        if accessible:
            return chat.payload(message)
        return {"chat": chat.describe(), "message_id": message.message_id, "date": 0}

    def user_deletes(self, message: Message) -> None:
        """Telegram tells bots nothing of it."""
        message.deleted_at = self.now()

    def grow_old(self, message: Message, *, hours: float) -> None:
        message.versions[0] = replace(message.versions[0], at=self.now() - hours * 3600)

    def user_blocks(self, chat_id: int) -> None:
        self.chat(chat_id).shut = "bot was blocked by the user"

    def push(self, update: dict[str, Any]) -> int:
        """Queue an update of any kind; returns its id."""
        update_id = self.queue.push(update)
        self._wake()
        return update_id

    # What is to be seen

    def chat(self, chat_id: int) -> Chat:
        return self.methods.chats.setdefault(chat_id, Chat(chat_id))

    def messages(self, chat_id: int) -> list[Message]:
        """The bot's messages in a chat, without the deleted ones."""
        stored = self.chat(chat_id).messages.values()
        return [one for one in stored if one.from_bot and one.deleted_at is None]

    def calls_of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method.lower() == method.lower()]

    async def until(self, condition: Callable[[], object], timeout: float = 10.0) -> None:
        """Wait until it holds; it is looked at after every call and every update."""
        async with asyncio.timeout(timeout):
            while not condition():
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await self._changed.wait()

    # Trouble

    def fail_next(self, method: str, failure: Failure | None = None, times: int = 1) -> None:
        self._failures[method.lower()].extend([failure or Failure()] * times)

    # HTTP

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        if request.match_info["token"] != self.token:
            self.refused_tokens += 1
            self._wake()
            return _refusal(Refused(401, "Unauthorized"))
        params = await _params(request)
        self.calls.append(Call(method, params, self.now()))
        queued = self._failures[method.lower()]
        failure = queued.popleft() if queued else None
        try:
            if failure is not None and not failure.effect:
                return await self._fail(request, failure)
            result = await self.methods.call(method, params)
            if failure is not None:
                return await self._fail(request, failure)
            return web.json_response({"ok": True, "result": result})
        except Refused as refused:
            return _refusal(refused)
        finally:
            self._wake()

    async def _fail(self, request: web.Request, failure: Failure) -> web.StreamResponse:
        await asyncio.sleep(failure.hang_seconds)
        if failure.drop and request.transport is not None:
            request.transport.abort()
        if failure.body is not None:
            return web.Response(text=failure.body, content_type="application/json")
        return _refusal(Refused(failure.status, failure.description, failure.retry_after))

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["path"].rpartition("/")[2]
        if request.match_info["token"] != self.token or name not in self.methods.files:
            return _refusal(Refused(404, "Not Found"))
        return web.Response(body=self.methods.files[name])

    async def _deliver(self) -> None:
        """To the webhook, in order; again and again until it answers 2xx."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session:
            while True:
                await asyncio.sleep(0.02)
                hook = self.methods.webhook
                if not hook or not self.queue.pending:
                    continue
                update = self.queue.pending[0]
                headers = {"X-Telegram-Bot-Api-Secret-Token": hook.get("secret_token", "")}
                try:
                    async with session.post(hook["url"], json=update, headers=headers) as answer:
                        if answer.ok:
                            self.queue.confirm(update["update_id"] + 1)
                except aiohttp.ClientError:
                    continue

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _refusal(refused: Refused) -> web.Response:
    body: dict[str, Any] = {
        "ok": False,
        "error_code": refused.status,
        "description": refused.description,
    }
    if refused.retry_after is not None:
        body["parameters"] = {"retry_after": refused.retry_after}
    return web.json_response(body, status=refused.status)


async def _params(request: web.Request) -> Params:
    """From the query, a form or JSON; in a form, structured values come as JSON text."""
    params: Params = dict(request.query)
    if request.content_type == "application/json":
        params.update(await request.json())
        return params
    for name, value in (await request.post()).items():
        params[name] = json.loads(str(value)) if name in STRUCTURED else value
    return params
