"""Delivery: shows replies on platforms that are pushed to. One message, edited as it grows.

The first post of a message is an empty placeholder, so that a post whose outcome is unknown can
at worst leave a placeholder behind, never a second answer. Text comes by edits, which may be
repeated. Every call passes the governor, and what was posted stands in Postgres before the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from assistant.accounts import Account
from assistant.channel import Channel
from assistant.deliveries import Deliveries, OpenDelivery
from assistant.deltas import DeltaReader
from assistant.errors import (
    ChannelError,
    ContentRefused,
    MessageGone,
    PlatformUnavailable,
    RateLimited,
    SendOutcomeUnknown,
    StorageUnavailable,
)
from assistant.governor import Governor
from assistant.messages import ReplyDelta, TurnState
from assistant.metrics import Metrics

log = structlog.get_logger()

LOOK_SECONDS = 2.0
AT_ONCE = 200
RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
PUT_OFF_SECONDS = 60.0  # for so long a reply waits when the platform stayed away all that time
ENDINGS: Mapping[str, str] = {
    "stopped": "Stopped.",
    "cancelled": "Cancelled.",
    "done": "I have nothing to say to that.",
    "failed": "Something went wrong here. Please try again.",
}


@dataclass(slots=True)
class ShownReply:
    """What a reply looks like now, for whoever shows it next; older looks are skipped."""

    text: str = ""
    attempt: int = 0
    state: TurnState | None = None
    error: str = ""
    fault: Exception | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def apply(self, delta: ReplyDelta) -> None:
        self.text = self.text[: delta.offset] + delta.text
        self.state, self.error = delta.state, delta.error
        self.changed.set()

    @property
    def final(self) -> bool:
        return self.state is not None

    def visible(self) -> str:
        """The text for the person; a failure or an empty end is said in words."""
        if self.state is None:
            return self.text
        if self.state == "failed":
            sentence = self.error or ENDINGS["failed"]
            return f"{self.text}\n\n⚠ {sentence}" if self.text.strip() else f"⚠ {sentence}"
        return self.text if self.text.strip() else ENDINGS[self.state]


@dataclass(slots=True)
class Delivery:
    """Claims open deliveries of this process's channels and drives each to its end."""

    channels: Mapping[tuple[str, str], Channel]
    accounts: Sequence[Account]
    deliveries: Deliveries
    reader: DeltaReader
    governor: Governor
    metrics: Metrics
    _wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _driving: dict[int, asyncio.Task[None]] = field(default_factory=dict, init=False)

    def look(self) -> None:
        """A turn was just accepted here: look for open deliveries now."""
        self._wake.set()

    async def run(self) -> None:
        if not self.channels:
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._heartbeat())
                while True:
                    self._wake.clear()
                    for one in await self._claim():
                        self._driving[one.turn_id] = group.create_task(self._drive(one))
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await self._wake.wait()
        finally:
            with suppress(StorageUnavailable):
                await self.deliveries.release()

    async def _claim(self) -> list[OpenDelivery]:
        room = AT_ONCE - len(self._driving)
        if room <= 0:
            return []
        try:
            return await self.deliveries.claim([one.id for one in self.accounts], room)
        except StorageUnavailable:
            return []

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(self.deliveries.lease_seconds / 4)
            driving = dict(self._driving)
            try:
                held = await self.deliveries.renew(list(driving))
            except StorageUnavailable:
                continue
            for turn_id, task in driving.items():
                if turn_id not in held and not task.done():
                    log.warning("delivery_lost", turn=turn_id)
                    task.cancel()

    async def _drive(self, one: OpenDelivery) -> None:
        channel = self.channels[one.chat.channel, one.chat.account]
        outcome = "left"
        try:
            show = Show(one, channel, self.deliveries, self.governor, self.metrics)
            await show.follow(self.reader.follow(one.turn_id))
            await self.deliveries.end(one.turn_id, "done")
            outcome = "done"
        except StorageUnavailable:
            log.warning("delivery_left", turn=one.turn_id, reason="storage")
        except (PlatformUnavailable, SendOutcomeUnknown) as error:
            outcome = error.code
            await self._put_off(one.turn_id, error.code)
        except ChannelError as error:
            outcome = error.code
            log.error("delivery_failed", turn=one.turn_id, code=error.code)
            with suppress(StorageUnavailable):
                await self.deliveries.end(one.turn_id, "failed", error.code)
        except Exception:
            outcome = "crashed"
            log.exception("delivery_crashed", turn=one.turn_id)
            with suppress(StorageUnavailable):
                await self.deliveries.end(one.turn_id, "failed", "internal")
        finally:
            self.metrics.delivery(one.chat.channel, outcome)
            self._driving.pop(one.turn_id, None)
            self._wake.set()  # the conversation's next delivery may begin

    async def _put_off(self, turn_id: int, code: str) -> None:
        """The platform is away for longer than a reply may wait in memory: look again later."""
        log.warning("delivery_put_off", turn=turn_id, code=code)
        with suppress(StorageUnavailable):
            if not await self.deliveries.put_off(turn_id, PUT_OFF_SECONDS, code):
                await self.deliveries.end(turn_id, "failed", code)


@dataclass(slots=True)
class Show:
    """One reply on its way to one chat."""

    one: OpenDelivery
    channel: Channel
    deliveries: Deliveries
    governor: Governor
    metrics: Metrics
    _posted: dict[int, str] = field(default_factory=dict, init=False)
    _shown: dict[int, tuple[str, bool]] = field(default_factory=dict, init=False)

    async def follow(self, deltas: AsyncIterator[ReplyDelta]) -> None:
        """Show the reply until its end stands on the platform."""
        reply = ShownReply()
        reading = asyncio.create_task(_read(deltas, reply))
        try:
            await self._show(reply)
        finally:
            reading.cancel()
            await asyncio.wait({reading})

    async def _show(self, reply: ShownReply) -> None:
        self._posted = dict(await self.deliveries.posted(self.one.turn_id))
        await self._ensure_posted(0)
        while True:
            await reply.changed.wait()
            reply.changed.clear()
            if reply.fault is not None:
                raise reply.fault
            if not reply.visible().strip():
                continue
            await self.governor.permit(self.one.chat, self.channel.pace)
            final = reply.final
            await self._put(self.channel.split(reply.visible()), final)
            if final:
                return

    async def _put(self, pieces: Sequence[str], final: bool) -> None:
        """Bring the platform's messages to these pieces; only the last may still change."""
        permitted = True  # the caller asked for the first call
        for position, piece in enumerate(pieces):
            done = final or position < len(pieces) - 1
            if self._shown.get(position) == (piece, done):
                continue
            await self._ensure_posted(position)
            if not permitted:
                await self.governor.permit(self.one.chat, self.channel.pace)
            permitted = False
            await self._edit(position, piece, done)

    async def _ensure_posted(self, position: int) -> None:
        if position in self._posted:
            return
        await self.deliveries.intend(self.one.turn_id, position)
        for pause in (*RETRY_SECONDS, None):
            await self.governor.permit(self.one.chat, self.channel.pace)
            try:
                message_id = await self._call("post", self._post())
            except SendOutcomeUnknown:
                # It may stand there or not. It is empty: at worst it stays so.
                await self.deliveries.unanswered(self.one.turn_id, position, "unknown")
            except RateLimited as error:
                await self.governor.penalize(self.one.chat, error.retry_after_seconds)
                continue
            except PlatformUnavailable:
                log.warning("post_unavailable", turn=self.one.turn_id)
            except ChannelError:
                await self.deliveries.unanswered(self.one.turn_id, position, "failed")
                raise
            else:
                await self.deliveries.received(self.one.turn_id, position, message_id)
                self._posted[position] = message_id
                return
            if pause is not None:
                await asyncio.sleep(pause)
        raise PlatformUnavailable("The platform could not be reached for too long.")

    async def _post(self) -> str:
        return await self.channel.post(
            self.one.chat,
            "",
            turn_id=self.one.turn_id,
            reply_to=self.one.reply_to,
            final=False,
        )

    async def _edit(self, position: int, piece: str, final: bool) -> None:
        """Edit until it stands. An edit that isn't final is given up for a newer one."""
        for pause in (*RETRY_SECONDS, None):
            try:
                await self._call("edit", self._edit_once(position, piece, final))
            except RateLimited as error:
                await self.governor.penalize(self.one.chat, error.retry_after_seconds)
                if not final:
                    return
                await self.governor.permit(self.one.chat, self.channel.pace)
                continue
            except MessageGone:
                log.warning("reply_gone", turn=self.one.turn_id, position=position)
            except (PlatformUnavailable, SendOutcomeUnknown):
                if not final:
                    return
                if pause is None:
                    raise
                await asyncio.sleep(pause)
                await self.governor.permit(self.one.chat, self.channel.pace)
                continue
            except ContentRefused:
                log.error("content_refused", turn=self.one.turn_id, position=position)
                if final:
                    raise
                return
            self._shown[position] = (piece, final)
            await self.deliveries.shown(self.one.turn_id, position, len(piece), final)
            return
        raise PlatformUnavailable("The platform could not be reached for too long.")

    async def _edit_once(self, position: int, piece: str, final: bool) -> str:
        await self.channel.edit(
            self.one.chat, self._posted[position], piece, turn_id=self.one.turn_id, final=final
        )
        return ""

    async def _call(self, name: str, call: object) -> str:
        result = "ok"
        try:
            return await call  # type: ignore[misc, no-any-return]
        except ChannelError as error:
            result = error.code
            raise
        finally:
            self.metrics.call(self.channel.name, name, result)


async def _read(deltas: AsyncIterator[ReplyDelta], reply: ShownReply) -> None:
    """Keep `reply` current, as fast as deltas come; a fault is raised where the reply is shown."""
    try:
        async for delta in deltas:
            reply.apply(delta)
        if not reply.final:  # erased meanwhile
            reply.apply(ReplyDelta(0, 0, 0, "", state="cancelled"))
    except Exception as fault:
        reply.fault = fault
        reply.changed.set()
