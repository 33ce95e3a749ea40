"""Where files lie: fetched with a bot's token, or else one is asked to sign in."""

from __future__ import annotations

import asyncio

from aiohttp import web

from tests.fakes.slack.files import SlackFile
from tests.fakes.slack.state import State


class FileHost:
    def __init__(self, state: State) -> None:
        self._state = state
        self.fetched: list[tuple[str, bool]] = []  # (file, whether the token was right)
        self.at_once = self.most_at_once = 0
        self.signs_in_at_once = False  # the page comes in the file's place, by no redirect

    async def give(self, request: web.Request) -> web.StreamResponse:
        """A wrong token is sent to a page for people, with 200, as Slack does it."""
        found = self._state.files.get(request.match_info["file"])
        allowed = self._is_allowed(request.headers.get("authorization", ""))
        self.fetched.append((request.match_info["file"], allowed))
        if not allowed and self.signs_in_at_once:
            return await self.sign_in(request)
        if not allowed:
            raise web.HTTPFound(f"{self._state.url()}/signin?redir={request.path}")
        if found is None or found.deleted:
            raise web.HTTPNotFound
        if found.sends_to:
            raise web.HTTPFound(found.sends_to)
        if found.broken:
            return web.Response(status=found.broken.pop(0), headers={"retry-after": "0"})
        return await self._given(found, request)

    async def _given(self, found: SlackFile, request: web.Request) -> web.StreamResponse:
        """To be saved where it was asked for so; else to be shown."""
        headers = {}
        if request.query.get("download"):
            headers["content-disposition"] = "attachment"
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(found.slow_seconds)
            if found.held is not None:
                await found.held.wait()
        finally:
            self.at_once -= 1
        return web.Response(body=found.content, content_type=found.mimetype, headers=headers)

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        text = "<!doctype html><title>Slack</title><h1>Sign in to your workspace</h1>"
        return web.Response(text=text, content_type="text/html")

    async def take(self, request: web.Request) -> web.StreamResponse:
        """An upload: raw, or as a form's one file. Its length must be what was announced."""
        file_id = self._state.uploads.pop(request.match_info["ticket"], "")
        if not file_id:
            raise web.HTTPNotFound
        made = self._state.files[file_id]
        if request.content_type.startswith("multipart/"):
            form = await request.post()
            field = next(one for one in form.values() if isinstance(one, web.FileField))
            made.content, made.mimetype = field.file.read(), field.content_type
        else:
            made.content = await request.read()
        made.ready = len(made.content) == made.expected_bytes
        if not made.ready:
            raise web.HTTPBadRequest(text="length mismatch")
        return web.Response(text=f"OK - {len(made.content)}")

    def _is_allowed(self, authorization: str) -> bool:
        token = authorization.removeprefix("Bearer ")
        for workspace in self._state.workspaces.values():
            if token == workspace.token and token not in workspace.dead_tokens:
                return workspace.scopes is None or "files:read" in workspace.scopes
        return False
