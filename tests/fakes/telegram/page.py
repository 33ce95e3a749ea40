"""A page to chat by hand, and the same as JSON for tests in other processes.

POST /_fake/say     {"chat_id": 7, "text": "hi", "sender_id"?, "name"?, "thread_id"?, "reply_to"?}
POST /_fake/edit    {"chat_id": 7, "message_id": 1, "text": "hello"}
POST /_fake/press   {"chat_id": 7, "message_id": 2, "data": "stop:1"}
GET  /_fake/chats/7 every message, with all its versions
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from aiohttp import web

from tests.fakes.telegram.chats import Message
from tests.fakes.telegram.server import FakeTelegram

PAGE = Path(__file__).with_name("page.html")


class TelegramWithPage(FakeTelegram):
    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/", self._page)
        app.router.add_post("/_fake/say", self._say)
        app.router.add_post("/_fake/edit", self._edit)
        app.router.add_post("/_fake/press", self._press)
        app.router.add_get("/_fake/chats/{chat_id}", self._chat)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGE)

    async def _say(self, request: web.Request) -> web.StreamResponse:
        said = await request.json()
        message = self.user_says(said.pop("chat_id"), said.pop("text"), **said)
        return web.json_response({"message_id": message.message_id})

    async def _edit(self, request: web.Request) -> web.StreamResponse:
        edit = await request.json()
        update_id = self.user_edits(self._message(edit), edit["text"])
        return web.json_response({"update_id": update_id})

    async def _press(self, request: web.Request) -> web.StreamResponse:
        press = await request.json()
        query_id = self.user_presses(self._message(press), press["data"])
        return web.json_response({"query_id": query_id})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        chat = self.chat(int(request.match_info["chat_id"]))
        messages = [
            {**asdict(one), "known_to": sorted(one.known_to), "buttons": one.buttons}
            for one in chat.messages.values()
        ]
        return web.json_response({"messages": messages, "actions": chat.actions})

    def _message(self, fields: dict[str, int]) -> Message:
        return self.chat(fields["chat_id"]).messages[fields["message_id"]]
