"""A host that is not Slack's, to see what reaches it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from aiohttp import web


class Elsewhere:
    """`async with Elsewhere() as host:` keeps the headers of every request to `host.url`."""

    def __init__(self, content: bytes = b"not yours") -> None:
        self.requests: list[Mapping[str, str]] = []
        self.url = ""
        self._content = content
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(dict(request.headers))
        return web.Response(body=self._content, content_type="text/plain")
