"""Socket Mode: the open WebSockets, and what is sent and acknowledged over them."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import aiohttp
from aiohttp import web

from tests.fakes.slack.delivery_note import Delivery

MOST = 10


class Sockets:
    """The open Socket Mode connections. An envelope goes to one of them, in turn."""

    def __init__(self, latency_seconds: float = 0.0) -> None:
        """`latency_seconds`: the round trip of an envelope and its acknowledgement."""
        self._way_seconds = latency_seconds / 2
        self.open: list[web.WebSocketResponse] = []
        self.opened = 0
        self._waiting: dict[str, Delivery] = {}
        self._changed = asyncio.Condition()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        self.opened += 1
        hello = {"type": "hello", "num_connections": len(self.open) + 1}
        hello |= {"debug_info": {"host": "fake", "approximate_connection_time": 18060}}
        await socket.send_json(hello | {"connection_info": {"app_id": "A0FAKE"}})
        await self._add(socket)
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._acknowledge(message.data)
        finally:
            self._remove(socket)
        return socket

    async def send(self, delivery: Delivery, reason: str) -> None:
        """Wait for a connection and send the event in a new envelope."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.open)
            socket = self.open[delivery.attempts % len(self.open)]
        envelope_id = str(uuid.uuid4())
        self._waiting[envelope_id] = delivery
        envelope: dict[str, Any] = {"envelope_id": envelope_id, "type": delivery.kind}
        envelope |= {"payload": delivery.body}
        envelope |= {"accepts_response_payload": delivery.kind != "events_api"}
        if delivery.kind == "events_api":
            envelope |= {"retry_attempt": delivery.attempts, "retry_reason": reason}
        delivery.attempts += 1
        await asyncio.sleep(self._way_seconds)
        try:
            await socket.send_json(envelope)
        except ConnectionError:
            self._remove(socket)

    async def warn(self) -> None:
        """Slack's first word about a refresh: nothing is closed, and events still come."""
        for socket in list(self.open):
            await _say_disconnect(socket, "warning")

    async def disconnect(self, reason: str) -> None:
        """Tell every connection to go, as Slack does before it closes it."""
        for socket in list(self.open):
            self._remove(socket)
            await _say_disconnect(socket, reason)

    async def drop(self) -> None:
        """Break every connection without a word."""
        for socket in list(self.open):
            self._remove(socket)
            await socket.close()

    def _acknowledge(self, text: str) -> None:
        said = json.loads(text)
        delivery = self._waiting.get(said.get("envelope_id", ""))
        if delivery:
            loop = asyncio.get_running_loop()
            loop.call_later(self._way_seconds, delivery.take, said.get("payload"))

    async def _add(self, socket: web.WebSocketResponse) -> None:
        async with self._changed:
            self.open.append(socket)
            self._changed.notify_all()

    def _remove(self, socket: web.WebSocketResponse) -> None:
        if socket in self.open:
            self.open.remove(socket)


async def _say_disconnect(socket: web.WebSocketResponse, reason: str) -> None:
    said = {"type": "disconnect", "reason": reason, "debug_info": {"host": "fake"}}
    await socket.send_json(said)
