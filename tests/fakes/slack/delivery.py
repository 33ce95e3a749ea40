"""How Slack delivers an event: until it is acknowledged, by Socket Mode or by signed HTTP."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an event that nobody acknowledged comes again; tests shorten it."""

    ack_seconds: float = 3.0
    retries: tuple[float, ...] = (0.0, 60.0, 300.0)


@dataclass(slots=True)
class Delivery:
    """One event and what became of it. `kind` is events_api, interactive or slash_commands."""

    kind: str
    body: dict[str, Any]
    attempts: int = 0
    statuses: list[int] = field(default_factory=list)
    response: dict[str, Any] = field(default_factory=dict)  # what came with the acknowledgement
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def event_type(self) -> str:
        event = self.body.get("event", self.body)
        return str(event.get("subtype") or event.get("type") or self.kind)


class Sockets:
    """The open Socket Mode connections. An envelope goes to one of them, in turn."""

    def __init__(self) -> None:
        self.open: list[web.WebSocketResponse] = []
        self.opened = 0
        self._waiting: dict[str, Delivery] = {}
        self._changed = asyncio.Condition()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        self.opened += 1
        hello = {"type": "hello", "num_connections": len(self.open) + 1}
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
        envelope["accepts_response_payload"] = delivery.kind == "slash_commands"
        if delivery.kind == "events_api":
            envelope |= {"retry_attempt": delivery.attempts, "retry_reason": reason}
        delivery.attempts += 1
        try:
            await socket.send_json(envelope)
        except ConnectionError:
            self._remove(socket)

    async def disconnect(self, reason: str) -> None:
        """Tell every connection to go, as Slack does before it closes it."""
        for socket in list(self.open):
            self._remove(socket)
            await socket.send_json({"type": "disconnect", "reason": reason})

    async def drop(self) -> None:
        """Break every connection without a word."""
        for socket in list(self.open):
            self._remove(socket)
            await socket.close()

    def _acknowledge(self, text: str) -> None:
        answer = json.loads(text)
        delivery = self._waiting.get(answer.get("envelope_id", ""))
        if delivery:
            delivery.response = answer.get("payload", {})
            delivery.acknowledged.set()

    async def _add(self, socket: web.WebSocketResponse) -> None:
        async with self._changed:
            self.open.append(socket)
            self._changed.notify_all()

    def _remove(self, socket: web.WebSocketResponse) -> None:
        if socket in self.open:
            self.open.remove(socket)


class Courier:
    """Delivers each event in a task of its own until it is acknowledged or given up."""

    def __init__(
        self, schedule: Schedule, signing_secret: str, clock: Callable[[], float] = time.time
    ) -> None:
        self.sockets = Sockets()
        self.deliveries: list[Delivery] = []
        self.request_url = ""
        self._schedule = schedule
        self._secret = signing_secret
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    def deliver(self, kind: str, body: dict[str, Any]) -> Delivery:
        delivery = Delivery(kind, body)
        self.deliveries.append(delivery)
        task = asyncio.get_running_loop().create_task(self._run(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return delivery

    @property
    def idle(self) -> bool:
        """Every event was acknowledged or given up."""
        return not self._tasks

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, delivery: Delivery) -> None:
        for pause in (None, *self._schedule.retries):
            if pause is not None:
                await asyncio.sleep(pause)
            if await self._attempt(delivery):
                return

    async def _attempt(self, delivery: Delivery) -> bool:
        reason = "timeout" if delivery.attempts else ""
        try:
            if self.request_url:
                async with asyncio.timeout(self._schedule.ack_seconds):
                    await self._post(delivery, reason)
            else:
                await self.sockets.send(delivery, reason)
                async with asyncio.timeout(self._schedule.ack_seconds):
                    await delivery.acknowledged.wait()
        except (TimeoutError, aiohttp.ClientError):
            return False
        return delivery.acknowledged.is_set()

    async def _post(self, delivery: Delivery, reason: str) -> None:
        headers = {"content-type": "application/json"}
        body = json.dumps(delivery.body).encode()
        if delivery.kind == "interactive":
            headers = {"content-type": "application/x-www-form-urlencoded"}
            body = urlencode({"payload": json.dumps(delivery.body)}).encode()
        if delivery.kind == "slash_commands":
            headers = {"content-type": "application/x-www-form-urlencoded"}
            body = urlencode(delivery.body).encode()
        if delivery.attempts:
            headers |= {"x-slack-retry-num": str(delivery.attempts)}
            headers |= {"x-slack-retry-reason": f"http_{reason}"}
        delivery.attempts += 1
        headers |= self.signed(body)
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.request_url, data=body, headers=headers) as answer,
        ):
            delivery.statuses.append(answer.status)
            if answer.ok:
                if answer.content_type == "application/json":
                    delivery.response = await answer.json()
                delivery.acknowledged.set()

    def signed(self, body: bytes) -> dict[str, str]:
        """The headers by which Slack signs this body now."""
        timestamp = str(int(self._clock()))
        base = b"v0:%s:%s" % (timestamp.encode(), body)
        signature = "v0=" + hmac.new(self._secret.encode(), base, "sha256").hexdigest()
        return {"x-slack-request-timestamp": timestamp, "x-slack-signature": signature}
