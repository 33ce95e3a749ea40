"""The web chat's page and the endpoints that its scripts call."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.templating import Jinja2Templates
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles

from assistant.errors import StorageUnavailable, TurnNotFound
from assistant.messages import Arrival, Command, IncomingMessage
from assistant.service import Assistant
from assistant.settings import AssistantSettings
from bots.http.stream import EventStream
from bots.web.cookie import ChatCookie
from bots.web.exchange import exchanges
from bots.web.markdown import MarkdownPage
from bots.web.message import order_in, parse_choice, parse_message
from bots.web.reply_stream import reply_events

_HERE = Path(__file__).parent
_NO_STORE = {"cache-control": "no-store"}
EXAMPLES = (
    "What is the capital of France?",
    "Explain how rain forms, in three sentences.",
    "Write a short poem about the sea.",
    "Show me a Python function that reverses a string.",
)

Chat = Annotated[ChatCookie, Depends(ChatCookie.of)]


def web_router(assistant: Assistant, settings: AssistantSettings) -> APIRouter:
    """The chat at `/`, its endpoints under `/chat`, and `/static` for every page of ours."""
    router = APIRouter(include_in_schema=False)
    pages = ChatPages(assistant, settings)
    router.add_api_route("/", pages.page, methods=["GET"])
    router.add_api_route("/chat/history", pages.history, methods=["GET"])
    router.add_api_route("/chat/status", pages.status, methods=["GET"])
    router.add_api_route("/chat/messages", pages.send, methods=["POST"])
    router.add_api_route("/chat/new", pages.new, methods=["POST"])
    router.add_api_route("/chat/privacy", pages.privacy, methods=["POST"])
    router.add_api_route("/chat/turns/{turn_id}/stream", pages.stream, methods=["GET"])
    router.add_api_route("/chat/turns/{turn_id}/stop", pages.stop, methods=["POST"])
    router.add_api_route("/favicon.ico", _favicon, methods=["GET"])
    router.add_api_route("/static/{path:path}", pages.static, methods=["GET", "HEAD"])
    return router


class ChatPages:
    def __init__(self, assistant: Assistant, settings: AssistantSettings) -> None:
        self._assistant = assistant
        self._settings = settings
        self._markdown = MarkdownPage()
        self._templates = Jinja2Templates(_HERE / "templates")
        self._files = StaticFiles(directory=_HERE / "static")

    async def page(self, request: Request, cookie: Chat) -> Response:
        response = await self._render("chat.html", request, cookie)
        cookie.keep(request, response)
        return response

    async def history(self, request: Request, cookie: Chat) -> Response:
        """The conversation alone: for a page that lost its stream."""
        return await self._render("conversation.html", request, cookie)

    async def status(self) -> Response:
        info = await self._assistant.engine_info()
        body = {
            "ready": info is not None,
            "model": info.model if info else "",
            "notice": info.notice if info else "",
            "attribution": info.attribution if info else "",
        }
        return JSONResponse(body, headers=_NO_STORE)

    async def send(self, request: Request, cookie: Chat) -> Response:
        arrival = Arrival()
        longest = self._settings.message_characters
        message = parse_message(await request.body(), cookie.chat, longest)
        order = order_in(message)
        if order is not None:
            body = await self._carried_out(order)
        else:
            body = await self._accepted(replace(message, arrival=arrival))
        response = JSONResponse(body, headers=_NO_STORE)
        if cookie.fresh:
            cookie.keep(request, response)
        arrival.acknowledge()
        return response

    async def _carried_out(self, order: Command) -> dict[str, object]:
        """What is said of an order, which is no part of the conversation."""
        return {"said": (await self._assistant.command(order)).text}

    async def _accepted(self, message: IncomingMessage) -> dict[str, object]:
        accepted = await self._assistant.accept(message)
        return {
            "turn_id": accepted.turn_id,
            "joined": accepted.joined,
            "waits": accepted.waits,
        }

    async def new(self, cookie: Chat) -> Response:
        chat = cookie.chat
        answer = await self._assistant.command(Command(chat, "new", chat.chat_id, ""))
        return JSONResponse({"said": answer.text}, headers=_NO_STORE)

    async def privacy(self, request: Request, cookie: Chat) -> Response:
        """Who may read this chat, and what its person allows; how orders say it is left out."""
        argument = parse_choice(await request.body())
        chat, language = cookie.chat, request.headers.get("accept-language", "")[:2]
        order = Command(chat, "privacy", chat.chat_id, "", argument=argument, language=language)
        told = (await self._assistant.command(order)).text.partition("\n\n")[0]
        response = JSONResponse({"said": told}, headers=_NO_STORE)
        if cookie.fresh:
            cookie.keep(request, response)
        return response

    async def stream(self, turn_id: int, cookie: Chat) -> Response:
        await self._check_owner(turn_id, cookie)
        deltas = self._assistant.follow(turn_id)
        before = partial(self._assistant.before, turn_id)
        return EventStream(reply_events(deltas, self._markdown, before))

    async def stop(self, turn_id: int, cookie: Chat) -> Response:
        await self._check_owner(turn_id, cookie)
        stopped = await self._assistant.stop(turn_id)
        return JSONResponse({"stopped": stopped}, headers=_NO_STORE)

    async def static(self, request: Request, path: str) -> Response:
        response = await self._files.get_response(path, request.scope)
        # The browser asks each time (an unchanged file is a 304), so that an upgraded Outrider is
        # never shown with yesterday's scripts.
        response.headers["cache-control"] = "no-cache"
        return response

    async def _check_owner(self, turn_id: int, cookie: ChatCookie) -> None:
        """Raises TurnNotFound, for a stranger's turn as for none."""
        known = 0 < turn_id < 2**63
        if not known or await self._assistant.turn_chat(turn_id) != cookie.chat:
            raise TurnNotFound

    async def _render(self, template: str, request: Request, cookie: ChatCookie) -> Response:
        status, trouble, conversation = 200, "", []
        try:
            info = await self._assistant.engine_info()
            if not cookie.fresh:
                history = await self._assistant.history(cookie.chat)
                conversation = exchanges(history, self._markdown)
        except StorageUnavailable:
            if template != "chat.html":
                raise
            info, status = None, 503
            trouble = "The database can't be reached right now. Reload the page in a moment."
        context = {
            "conversation": conversation,
            "info": info,
            "trouble": trouble,
            "examples": EXAMPLES,
            "max_characters": self._settings.message_characters,
        }
        return self._templates.TemplateResponse(request, template, context, status, _NO_STORE)


async def _favicon() -> Response:
    return FileResponse(_HERE / "static" / "mark.svg", media_type="image/svg+xml")
