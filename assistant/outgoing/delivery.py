"""Delivery: drives every reply of this process's accounts to the platform, one at a time per chat.

Any gateway may drive a reply; the lease says who does. What was posted and what was about to be
stands in Postgres, so whoever takes over goes on in the same message.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from assistant.answering.deltas import DeltaReader
from assistant.answering.places import Places
from assistant.answering.stopping import Stopping
from assistant.answering.turns import Turns
from assistant.channel import Channel
from assistant.errors import (
    ChannelError,
    ChatMoved,
    CredentialsRefused,
    DeliveryLost,
    PlatformUnavailable,
    RecipientUnreachable,
    SendOutcomeUnknown,
    StorageUnavailable,
)
from assistant.messages import ChatRef
from assistant.metrics import Metrics
from assistant.outgoing.apology import Apology
from assistant.outgoing.deliveries import Deliveries, OpenDelivery
from assistant.outgoing.governed import GovernedChannel
from assistant.outgoing.governor import Governor
from assistant.outgoing.migration import Migration
from assistant.outgoing.open_channels import OpenChannels
from assistant.outgoing.outbox import GONE, Outbox
from assistant.outgoing.show import Removal, Show
from assistant.outgoing.waiting import Waiting
from assistant.storage.heartbeat import Heartbeat

log = structlog.get_logger()

LOOK_SECONDS = 2.0
MARKS = 20  # that may wait; more would come too late
AT_ONCE = 1000  # most of them wait for a turn that waits itself
CLOSED = "account_closed"
PUT_OFF_SECONDS = 60.0  # for so long a reply waits when the platform stayed away all that time


@dataclass(slots=True)
class Delivery:
    """Claims open deliveries of the channels that are open here and drives each to its end."""

    channels: OpenChannels
    deliveries: Deliveries
    turns: Turns
    stopping: Stopping
    reader: DeltaReader
    governor: Governor
    heartbeat: Heartbeat
    metrics: Metrics
    places: Places
    migration: Migration
    at_once: int = AT_ONCE
    _wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _driving: dict[tuple[int, int], asyncio.Task[None]] = field(default_factory=dict, init=False)
    _draining: bool = field(default=False, init=False)
    _looked: float = field(default=float("-inf"), init=False)  # past those that wait
    _small: asyncio.Queue[tuple[str, ChatRef, str]] = field(
        default_factory=asyncio.Queue, init=False
    )

    def look(self) -> None:
        """A turn was just accepted here: look for open deliveries now."""
        self._wake.set()

    def mark_waiting(self, chat: ChatRef, message_id: str) -> None:
        """Show the person that their message waits its turn, where there is time for it."""
        if self._small.qsize() < MARKS:
            self._small.put_nowait(("mark", chat, message_id))

    async def uncover(self, turn_id: int, chat: ChatRef, message_id: str) -> None:
        """A button under this message was pressed: if it is a lost placeholder, it goes."""
        if await self.deliveries.uncover(turn_id, message_id):
            self._small.put_nowait(("delete", chat, message_id))

    async def move(self, chat: ChatRef, to_chat_id: str) -> None:
        """The chat has another id: what is under way for it is claimed anew, and shown there."""
        await self.migration.move(chat, to_chat_id)
        self._wake.set()

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._do_small())
                while True:
                    self._wake.clear()
                    for one in await self._claim():
                        task = group.create_task(self._drive(one))
                        self._driving[one.turn_id, one.attempt] = task
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await self._wake.wait()
        finally:
            with suppress(StorageUnavailable):
                await self.deliveries.release()

    async def drain(self) -> None:
        """Claim nothing more; return when the ends that are on their way stand.

        A reply whose turn is not over is left as it is, for another gateway or the next start.
        """
        self._draining = True
        try:
            ending = await self.turns.over(turn for turn, _ in self._driving)
        except StorageUnavailable:
            return
        while any(turn in ending for turn, _ in self._driving):
            self._wake.clear()
            await self._wake.wait()

    async def _claim(self) -> list[OpenDelivery]:
        """Whoever waits, in their order, as far as there is room. Beyond that whose turn has begun,
        with as much room again: the queue may go past a thousand that wait."""
        accounts = [one.id for one in self.channels.accounts]
        if self._draining or not accounts:
            return []
        room = self.at_once - len(self._driving)
        full = room <= 0
        if full:
            if time.monotonic() - self._looked < LOOK_SECONDS / 2:
                return []
            self._looked = time.monotonic()
            room += self.at_once
        if room <= 0:
            return []
        try:
            return await self.deliveries.claim(accounts, room, begun=full)
        except StorageUnavailable:
            return []

    async def _drive(self, one: OpenDelivery) -> None:
        outcome = "left"
        key = (one.turn_id, one.attempt)
        try:
            with self.heartbeat.holding("delivery", *key, lost=lambda: self._lose(key)):
                outcome = await self._show(one)
        except asyncio.CancelledError as cancelled:
            if cancelled.args != (GONE,):
                raise
            outcome = "lost"
        finally:
            self.metrics.delivery(one.chat.channel, outcome)
            self._driving.pop(key, None)
            self._wake.set()  # the conversation's next delivery may begin

    def _lose(self, key: tuple[int, int]) -> None:
        if task := self._driving.get(key):
            task.cancel(GONE)

    async def _show(self, one: OpenDelivery) -> str:
        channel = self.channels.get(one.chat)
        if channel is None:  # closed since it was claimed
            await self._fail(one, CLOSED)
            return CLOSED
        return await self._carry_out(one, channel)

    async def _carry_out(self, one: OpenDelivery, channel: Channel) -> str:
        outbox = Outbox(one, channel, self.deliveries, self.governor, self.metrics)
        try:
            if one.removing:
                await Removal(outbox).carry_out()
            else:
                waiting = Waiting(outbox, self.places)
                await Show(outbox, self.turns, self.stopping, waiting).follow(
                    self.reader.follow(one.turn_id)
                )
            ending = "removed" if one.removing else "done"
            await self.deliveries.end(one, ending)
            return ending
        except DeliveryLost as error:
            return error.code
        except StorageUnavailable:
            log.warning("delivery_left", turn=one.turn_id, reason="storage")
            return "left"
        except (PlatformUnavailable, SendOutcomeUnknown, CredentialsRefused) as error:
            await self._put_off(one, error.code)
            return error.code
        except ChatMoved as error:
            return await self._move(one, error)
        except RecipientUnreachable as error:  # nobody is there who could be told
            log.info("recipient_unreachable", turn=one.turn_id)
            await self._fail(one, error.code)
            return error.code
        except ChannelError as error:
            log.error("delivery_failed", turn=one.turn_id, code=error.code)
            await self._apologise(outbox, in_place=False)
            await self._fail(one, error.code)
            return error.code
        except Exception:
            log.exception("delivery_crashed", turn=one.turn_id)
            await self._apologise(outbox, in_place=True)
            await self._fail(one, "internal")
            return "crashed"

    async def _apologise(self, outbox: Outbox, *, in_place: bool) -> None:
        """As far as it goes: what failed may be what this needs too."""
        try:
            await Apology(outbox, in_place).carry_out()
        except Exception as error:
            log.error(
                "delivery_not_apologised", turn=outbox.one.turn_id, error=type(error).__name__
            )

    async def _fail(self, one: OpenDelivery, code: str) -> None:
        with suppress(StorageUnavailable):
            await self.deliveries.end(one, "failed", code)

    async def _move(self, one: OpenDelivery, moved: ChatMoved) -> str:
        with suppress(StorageUnavailable):
            await self.move(one.chat, moved.to_chat_id)
        return moved.code

    async def _put_off(self, one: OpenDelivery, code: str) -> None:
        """The platform is away for longer than a reply may wait in memory: look again later."""
        log.warning("delivery_put_off", turn=one.turn_id, code=code)
        with suppress(StorageUnavailable):
            if not await self.deliveries.put_off(one, PUT_OFF_SECONDS, code):
                await self.deliveries.end(one, "failed", code)

    async def _do_small(self) -> None:
        """Marks and the removal of lost placeholders: worth a call, not worth a retry."""
        while True:
            what, chat, message_id = await self._small.get()
            channel = self.channels.get(chat)
            if channel is None:
                continue
            try:
                if what == "mark":
                    await GovernedChannel(channel, self.governor).mark_waiting(chat, message_id)
                else:
                    await GovernedChannel(channel, self.governor).delete(chat, message_id)
            except ChannelError as error:
                log.info("small_call_failed", call=what, channel=chat.channel, code=error.code)
            except Exception:  # it must not end everybody's delivery
                log.exception("small_call_crashed", call=what, channel=chat.channel)
