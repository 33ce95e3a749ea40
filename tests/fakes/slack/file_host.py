"""Where files lie: fetched with a bot's token, or else one is asked to sign in."""

from __future__ import annotations

from aiohttp import web

from tests.fakes.slack.state import State


class FileHost:
    def __init__(self, state: State) -> None:
        self._state = state
        self.fetched: list[tuple[str, bool]] = []  # (file, whether the token was right)

    async def give(self, request: web.Request) -> web.StreamResponse:
        """A wrong token is sent to a page for people, with 200, as Slack does it."""
        found = self._state.files.get(request.match_info["file"])
        allowed = self._is_allowed(request.headers.get("authorization", ""))
        self.fetched.append((request.match_info["file"], allowed))
        if not allowed:
            raise web.HTTPFound(f"{self._state.url()}/signin?redir={request.path}")
        if found is None or found.deleted:
            raise web.HTTPNotFound
        if found.sends_to:
            raise web.HTTPFound(found.sends_to)
        return web.Response(body=found.content, content_type=found.mimetype)

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
