"""A page to chat by hand, and the same as JSON for tests in other processes.

POST /_fake/say      {"chat_id": 7, "text": "hi", "sender_id"?, "name"?, "thread_id"?, "reply_to"?}
POST /_fake/edit     {"chat_id": 7, "message_id": 1, "text": "hello"}
POST /_fake/press    {"chat_id": 7, "message_id": 2, "data": "stop:1"}
POST /_fake/do/<act> everything else that people do (acts.py)
GET  /_fake/chats/7  every message, with all its versions
GET  /_fake/view?person=7&chat=7  what the page shows
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from aiohttp import web

from tests.fakes.telegram.acts import act
from tests.fakes.telegram.chats import Fields
from tests.fakes.telegram.server import FakeTelegram
from tests.fakes.telegram.view import conversation, overview

FILES = Path(__file__).with_name("page_files")
# What came from outside is shown as text; should that ever fail, nothing of it runs.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'"
)
PICTURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


class TelegramWithPage(FakeTelegram):
    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/", self._page)
        app.router.add_get("/favicon.ico", self._no_picture)
        app.router.add_get(r"/page/{name:[a-z]+\.(?:css|js)}", self._page)
        app.router.add_post("/_fake/say", self._say)
        app.router.add_post("/_fake/edit", self._edit)
        app.router.add_post("/_fake/press", self._press)
        app.router.add_post("/_fake/do/{act}", self._do)
        app.router.add_get("/_fake/chats/{chat_id}", self._chat)
        app.router.add_get("/_fake/view", self._view)
        app.router.add_get("/_fake/answers/{query_id}", self._query_answer)
        app.router.add_get("/_fake/files/{file_id}", self._shown_file)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        path = FILES / request.match_info.get("name", "page.html")
        if not path.is_file():
            raise web.HTTPNotFound
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
        return web.FileResponse(path, headers=headers)

    async def _no_picture(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=204)

    async def _say(self, request: web.Request) -> web.StreamResponse:
        return self._acted("user_says", await request.json(), "message_id")

    async def _edit(self, request: web.Request) -> web.StreamResponse:
        return self._acted("user_edits", await request.json(), "update_id")

    async def _press(self, request: web.Request) -> web.StreamResponse:
        return self._acted("user_presses", await request.json(), "query_id")

    async def _do(self, request: web.Request) -> web.StreamResponse:
        return self._acted(request.match_info["act"], await request.json(), "result")

    def _acted(self, name: str, given: Fields, named: str) -> web.StreamResponse:
        try:
            result = act(self, name, given)
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            return web.json_response({"error": str(error)}, status=400)
        if named == "message_id":
            result = result["message_id"]
        return web.json_response({named: result})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        chat = self.chat(int(request.match_info["chat_id"]))
        messages = [
            {**asdict(one), "known_to": sorted(one.known_to), "buttons": one.buttons}
            for one in chat.messages.values()
        ]
        return web.json_response({"messages": messages, "actions": chat.actions})

    async def _view(self, request: web.Request) -> web.StreamResponse:
        person = self.person(int(request.query["person"]))
        seen: Fields = overview(self, person["id"])
        if chat := request.query.get("chat"):
            seen |= conversation(self, int(chat), person)
        return web.json_response(seen)

    async def _query_answer(self, request: web.Request) -> web.StreamResponse:
        """What a bot said to a pressed button or an inline query; empty until then."""
        return web.json_response(self.first_bot.answers.get(request.match_info["query_id"], {}))

    async def _shown_file(self, request: web.Request) -> web.StreamResponse:
        """A picture to be shown; everything else only to be kept."""
        content = self.files.get(request.match_info["file_id"])
        if content is None:
            raise web.HTTPNotFound
        kinds = [kind for begin, kind in PICTURES.items() if content.startswith(begin)]
        headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
        if not kinds:
            headers["Content-Disposition"] = "attachment"
        kind = kinds[0] if kinds else "application/octet-stream"
        return web.Response(body=content, content_type=kind, headers=headers)
