"""A small page to talk to the bot by hand, in the fake's direct message and one channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import web

from tests.fakes.slack.server import FakeSlack
from tests.fakes.slack.workspace import Message

_PAGE = Path(__file__).with_name("page.html")
USER = "U0YOU"
CHATS = {"dm": f"D{USER}", "general": "C0GENERAL"}


def add_page(slack: FakeSlack) -> None:
    """Serve the page at `/`."""

    async def page(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(_PAGE)

    async def messages(request: web.Request) -> web.StreamResponse:
        shown = [m for m in slack.messages(_chat(request)) if not m.deleted]
        return web.json_response([_shown(message) for message in shown])

    async def say(request: web.Request) -> web.StreamResponse:
        text, thread = str((await request.post())["text"]), request.query.get("thread", "")
        if request.match_info["chat"] == "dm":
            slack.dm(USER, _escaped(text), thread_ts=thread)
        else:
            slack.mention(_chat(request), USER, _escaped(text), thread_ts=thread)
        return web.Response(status=204)

    async def change(request: web.Request) -> web.StreamResponse:
        message = slack.workspace.find(_chat(request), request.match_info["ts"])
        if message is None:
            raise web.HTTPNotFound
        match request.match_info["what"]:
            case "edit":
                slack.edit(message, _escaped(str((await request.post())["text"])))
            case "delete":
                slack.delete(message)
            case "stop":
                slack.press(message, USER)
        return web.Response(status=204)

    slack.app.router.add_get("/", page)
    slack.app.router.add_get("/chats/{chat}", messages)
    slack.app.router.add_post("/chats/{chat}", say)
    slack.app.router.add_post("/chats/{chat}/{ts}/{what}", change)


def _chat(request: web.Request) -> str:
    try:
        return CHATS[request.match_info["chat"]]
    except KeyError:
        raise web.HTTPNotFound from None


def _shown(message: Message) -> dict[str, Any]:
    return {
        "ts": message.ts,
        "thread": message.thread_ts,
        "bot": bool(message.bot_id),
        "text": message.now.markdown,
        "stop": message.now.button("stop") is not None,
        "edits": len(message.versions) - 1,
    }


def _escaped(text: str) -> str:
    """What Slack's own client does with what a person types."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
