"""How Slack delivers an event: until it is acknowledged, by Socket Mode or by signed HTTP."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp

from tests.fakes.slack.clock import Clock, WallClock, within
from tests.fakes.slack.delivery_note import Delivery
from tests.fakes.slack.sockets import Sockets

__all__ = ["Courier", "Delivery", "Schedule", "Sockets"]
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an event that nobody acknowledged comes again; tests shorten it.

    Slack itself asks for a press, a command or a form but once, and shows the person an error:
    `interactions_again=False`.
    """

    ack_seconds: float = 3.0
    retries: tuple[float, ...] = (0.0, 60.0, 300.0)
    interactions_again: bool = True


class Courier:
    """Delivers each event in a task of its own until it is acknowledged or given up."""

    def __init__(
        self,
        schedule: Schedule,
        signing_secret: str,
        clock: Callable[[], float] = time.time,
        latency_seconds: float = 0.0,
    ) -> None:
        """`latency_seconds`: the round trip of an event and its acknowledgement."""
        self.sockets = Sockets(latency_seconds)
        self.deliveries: list[Delivery] = []
        self.request_url = ""
        self.interactivity_url = ""  # empty: as the events'
        self.commands_url = ""
        self.schedule = schedule
        self._secret = signing_secret
        self._clock: Clock = clock if hasattr(clock, "sleep") else WallClock(clock)
        self._way_seconds = latency_seconds / 2
        self._tasks: set[asyncio.Task[None]] = set()

    def deliver(
        self, kind: str, body: dict[str, Any], on_answer: Callable[[Any], None] | None = None
    ) -> Delivery:
        delivery = Delivery(kind, body, on_answer=on_answer)
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
        again = delivery.kind == "events_api" or self.schedule.interactions_again
        for pause in (None, *(self.schedule.retries if again else ())):
            if pause is not None:
                await self._clock.sleep(pause)
            if await self._attempt(delivery) or delivery.no_retry:
                return

    async def _attempt(self, delivery: Delivery) -> bool:
        """Whether it was taken; if not, `reasons` has grown by Slack's word for why."""
        reason, seconds = delivery.reasons[-1] if delivery.attempts else "", self._ack_seconds
        try:
            if self._url(delivery.kind):
                await within(self._clock, seconds, self._post(delivery, reason))
            else:
                await self.sockets.send(delivery, "timeout" if reason else "")
                await within(self._clock, seconds, delivery.acknowledged.wait())
        except TimeoutError:
            delivery.reasons.append("http_timeout")
        except aiohttp.ClientConnectorError:
            delivery.reasons.append("connection_failed")
        except aiohttp.ClientError:
            delivery.reasons.append("unknown_error")
        else:
            if not delivery.acknowledged.is_set():
                delivery.reasons.append("http_error")
        return delivery.acknowledged.is_set()

    @property
    def _ack_seconds(self) -> float:
        return self.schedule.ack_seconds

    def _url(self, kind: str) -> str:
        own = {"interactive": self.interactivity_url, "slash_commands": self.commands_url}
        return own.get(kind) or self.request_url

    async def _post(self, delivery: Delivery, reason: str) -> None:
        body, content_type = _wire(delivery)
        headers = {"content-type": content_type}
        if delivery.attempts and delivery.kind == "events_api":
            headers |= {"x-slack-retry-num": str(delivery.attempts)}
            headers |= {"x-slack-retry-reason": reason}
        delivery.attempts += 1
        headers |= self.signed(body)
        await asyncio.sleep(self._way_seconds)
        async with (
            aiohttp.ClientSession() as session,
            session.post(self._url(delivery.kind), data=body, headers=headers) as answer,
        ):
            delivery.statuses.append(answer.status)
            delivery.no_retry = answer.headers.get("x-slack-no-retry") == "1"
            told = await answer.text()
            await asyncio.sleep(self._way_seconds)
            if 200 <= answer.status < 300:
                delivery.take(_read(told, answer.content_type))

    def signed(self, body: bytes) -> dict[str, str]:
        """The headers by which Slack signs this body now."""
        timestamp = str(int(self._clock()))
        base = b"v0:%s:%s" % (timestamp.encode(), body)
        signature = "v0=" + hmac.new(self._secret.encode(), base, "sha256").hexdigest()
        return {"x-slack-request-timestamp": timestamp, "x-slack-signature": signature}


def _wire(delivery: Delivery) -> tuple[bytes, str]:
    if delivery.kind == "interactive":
        return urlencode({"payload": json.dumps(delivery.body)}).encode(), _FORM
    if delivery.kind == "slash_commands":
        return urlencode(delivery.body).encode(), _FORM
    return json.dumps(delivery.body).encode(), "application/json"


def _read(text: str, content_type: str) -> Any:
    """What an acknowledgement says: JSON, or a text for the person alone."""
    if content_type != "application/json":
        return {"text": text} if text else None
    return json.loads(text) if text else None
