"""Socket Mode: events over a WebSocket that we open.

Our own loop on the library's client, because the library's own answers each envelope in a task of
its own (two messages of one chat may change places), retries a refused token for ever, and puts
addresses that are keys, and people's texts, into its log.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp
import structlog
from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from assistant.errors import (
    ChannelError,
    CredentialsRefused,
    PlatformUnavailable,
    RateLimited,
    StorageUnavailable,
)
from assistant.lines import EVERY, Line
from assistant.messages import Arrival
from bots.slack.client import call
from bots.slack.envelope import Envelope, parse_envelope
from bots.slack.install.workspace import Inbox
from bots.slack.whisper import to_one_person

_log = structlog.get_logger()

LANES = 8
LANE_ENVELOPES = 64
HEARTBEAT_SECONDS = 15.0
SETTLE_SECONDS = 2.0
BACKOFF_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
# Slack keeps the TCP connection open after a close; waiting longer for it is a gap in service
_TIMEOUT = aiohttp.ClientWSTimeout(ws_close=1.0)
# Slack is about to close this connection and asks for a new one: nothing is wrong
_PLANNED = frozenset({"refresh_requested", "warning"})


@dataclass(frozen=True, slots=True)
class _Waiting:
    envelope: Envelope
    socket: aiohttp.ClientWebSocketResponse
    came: Arrival


class SlackSocket:
    """One Socket Mode connection, renewed as long as `run` runs. Slack allows ten at a time."""

    def __init__(
        self,
        client: AsyncWebClient,
        app_token: SecretStr,
        inbox: Inbox,
        *,
        backoff_seconds: Sequence[float] = BACKOFF_SECONDS,
        line: Line | None = None,
    ) -> None:
        """`line` is told how it stands with Slack."""
        self._client = client
        self._app_token = app_token
        self._inbox = inbox
        self._backoff_seconds = backoff_seconds
        self._line = line or Line("slack", EVERY, "socket")
        self._failures = 0

    async def run(self) -> None:
        """Take events until cancelled. Raises CredentialsRefused when Slack refuses a token."""
        lanes = [asyncio.Queue[_Waiting](LANE_ENVELOPES) for _ in range(LANES)]
        try:
            async with asyncio.TaskGroup() as group:
                workers = [group.create_task(self._work(lane)) for lane in lanes]
                refused = await self._stay_connected(lanes)
                for worker in workers:
                    worker.cancel()
        finally:
            await self._inbox.close()
        raise refused

    async def _stay_connected(self, lanes: Sequence[asyncio.Queue[_Waiting]]) -> CredentialsRefused:
        while True:
            try:
                await self._inbox.connect()
                reason = await self._listen(await self._address(), lanes)
                pause = 0.0 if reason in _PLANNED else self._next_pause()
                if reason not in _PLANNED:
                    self._line.fail(f"Slack closed the connection ({_bare(reason)}).")
            except CredentialsRefused as error:
                return error
            except ChannelError as error:
                reason, pause = error.code, self._next_pause()
                if isinstance(error, RateLimited):
                    pause = error.retry_after_seconds
                self._line.fail(str(error))
            _log.info("slack_socket_ended", reason=reason, pause_seconds=pause)
            await asyncio.sleep(pause)

    def _next_pause(self) -> float:
        self._failures += 1
        return self._backoff_seconds[min(self._failures, len(self._backoff_seconds)) - 1]

    async def _address(self) -> str:
        """The address of a new connection. It holds a ticket: it belongs in no log."""
        token = self._app_token.get_secret_value()
        answer = await call(self._client.apps_connections_open, app_token=token)
        return str(answer.get("url", ""))

    async def _listen(self, address: str, lanes: Sequence[asyncio.Queue[_Waiting]]) -> str:
        """Take envelopes until the connection ends, and return why it did."""
        session = self._client.session
        if session is None or session.closed:
            raise PlatformUnavailable("The HTTP session is closed.")
        try:
            async with session.ws_connect(
                address, heartbeat=HEARTBEAT_SECONDS, timeout=_TIMEOUT
            ) as socket:
                return await self._read(socket, lanes)
        except (aiohttp.ClientError, TimeoutError, OSError):
            # not chained: aiohttp's errors quote the address
            raise PlatformUnavailable("Slack's WebSocket can't be reached.") from None

    async def _read(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        lanes: Sequence[asyncio.Queue[_Waiting]],
    ) -> str:
        async for message in socket:
            envelope = (
                parse_envelope(message.data) if message.type is aiohttp.WSMsgType.TEXT else None
            )
            if envelope is None:
                continue
            if envelope.kind == "disconnect":
                await _settled(lanes)
                return envelope.reason or "disconnect"
            if envelope.kind == "hello":
                self._failures = 0
                self._line.become("open")
                _log.info("slack_socket_open")
            elif envelope.envelope_id:
                self._line.hear()
                lane = lanes[zlib.crc32(envelope.lane.encode("utf-8", "replace")) % len(lanes)]
                await lane.put(_Waiting(envelope, socket, Arrival()))
        return "closed"

    async def _work(self, lane: asyncio.Queue[_Waiting]) -> None:
        while True:
            waiting = await lane.get()
            told = await self._taken_in(waiting.envelope, waiting.came)
            if told is not None:
                await _acknowledge(waiting, told)
            lane.task_done()

    async def _taken_in(self, envelope: Envelope, came: Arrival) -> Mapping[str, object] | None:
        """What Slack is answered with, mostly nothing. None: nothing was stored, and Slack shall
        send it again."""
        answer: Mapping[str, object] = {}
        try:
            if envelope.kind == "events_api":
                await self._inbox.event(envelope.payload, came)
            elif envelope.kind == "interactive":
                answer = await self._inbox.interaction(envelope.payload)
            elif envelope.kind == "slash_commands":
                told = await self._inbox.slash(envelope.payload)
                answer = to_one_person(told) if told else {}
        except (StorageUnavailable, ChannelError) as error:
            _log.warning("slack_event_not_stored", code=error.code)
            return None
        except Exception:  # it would end the lane, and with it the socket; again it would as well
            _log.exception("slack_envelope_failed", kind=envelope.kind)
        return answer


def _bare(reason: str) -> str:
    """Slack's word for it: letters and underscores alone."""
    return "".join(one for one in reason if one.isalpha() or one == "_")[:40]


async def _settled(lanes: Sequence[asyncio.Queue[_Waiting]]) -> None:
    """Give what came a moment to be acknowledged on the connection that it came by."""
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            for lane in lanes:
                await lane.join()
    except TimeoutError:
        pass


async def _acknowledge(waiting: _Waiting, told: Mapping[str, object]) -> None:
    answer: dict[str, object] = {"envelope_id": waiting.envelope.envelope_id}
    if told:
        answer["payload"] = dict(told)
    try:
        await waiting.socket.send_json(answer)
        waiting.came.acknowledge()
    except (aiohttp.ClientError, OSError, RuntimeError):
        # the connection is gone; the event comes again on the next one and is known by its id
        _log.info("slack_acknowledgement_lost", envelope_id=waiting.envelope.envelope_id)
