"""The outbox of one delivery: every call to the platform, written down before and closed after.

Each call passes the governor. A post can't be repeated, so one whose end isn't known is looked for
first; where the platform can't be read, it is counted as a placeholder that may stand there, and
posted again. A post is always empty: text comes by edits, which may be repeated. So whatever
happens, there is never a second answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from assistant.channel import Act, Channel, Look, Pace, Placeholder
from assistant.clock import boot_seconds
from assistant.errors import (
    ChannelError,
    MessageGone,
    PlatformUnavailable,
    RateLimited,
    SendOutcomeUnknown,
    StorageUnavailable,
)
from assistant.metrics import Metrics
from assistant.outgoing.budget import Call
from assistant.outgoing.deliveries import Deliveries, IntentKind, IntentState, OpenDelivery
from assistant.outgoing.governor import Governor

log = structlog.get_logger()

RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
SETTLE_SECONDS = 1.0  # before a platform is read for a post that may just be arriving there
ANSWER_SECONDS = 10.0  # for a call that is on its way when another takes over

GONE = "gone"  # why a driver's task is cancelled whose delivery another has

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outbox:
    one: OpenDelivery
    channel: Channel
    deliveries: Deliveries
    governor: Governor
    metrics: Metrics
    clock: Callable[[], float] = boot_seconds  # seconds

    async def posted(self) -> dict[int, str]:
        """Message ids by position, of what stands on the platform. What was begun and not closed
        is looked for first: its process died, or is just being answered."""
        found: dict[int, str] = {}
        posts = await self.deliveries.posts(self.one.turn_id)
        if not all(post.message_id for post in posts):
            await asyncio.sleep(SETTLE_SECONDS)
            posts = await self.deliveries.posts(self.one.turn_id)
        for post in posts:
            message_id = post.message_id or await self._found(post.intent, post.position)
            if post.told:
                await self._close(post.intent, "sent", message_id=message_id)
            if message_id:
                found[post.position] = message_id
        return found

    async def edited(self) -> set[int]:
        """The positions at which this turn has edited a message."""
        return await self.deliveries.edited(self.one.turn_id)

    async def post(self, position: int) -> str:
        """Post the placeholder of a further message; returns its id. Raises ChannelError."""
        for pause in (*RETRY_SECONDS, None):
            pace, stream = await self._post_permitted()
            intent = await self._begin(position, "overflow" if position else "placeholder")
            try:
                post = self._post(position, stream)
                message_id = await self._made(intent, "post", post, pace)
            except SendOutcomeUnknown as error:
                await asyncio.sleep(SETTLE_SECONDS)
                if message_id := await self._found(intent, position, error.code):
                    return message_id
            except RateLimited as error:
                await self._failed(intent, error)
                await self.governor.penalize(self.one.chat, error.retry_after_seconds)
                continue
            except PlatformUnavailable as error:
                await self._failed(intent, error)
            except ChannelError as error:
                await self._failed(intent, error)
                raise
            else:
                await self._close(intent, "sent", message_id=message_id)
                return message_id
            if pause is not None:
                await asyncio.sleep(pause)
        raise PlatformUnavailable("The platform could not be reached for too long.")

    async def edit(
        self,
        position: int,
        message_id: str,
        piece: str,
        *,
        final: bool,
        last: bool = False,
        failed: bool = False,
    ) -> None:
        """One edit, without retry. Raises ChannelError; a penalty is noted first."""
        intent = await self._begin(position, "final" if final else "edit")
        look = Look(piece, self.one.turn_id, final, last, self.one.language, failed)
        pace = self.channel.pace_of("final" if final else "edit", message_id)
        call = self.channel.edit(self.one.chat, message_id, look)
        try:
            await self._made(intent, "edit", call, pace)
        except ChannelError as error:
            await self._failed(intent, error)
            if isinstance(error, RateLimited):
                await self.governor.penalize(self.one.chat, error.retry_after_seconds)
            raise
        await self._close(intent, "sent", message_id=message_id, characters=len(piece))

    async def draft(self, text: str) -> bool:
        """Show growing text without a message. False where that can't be, or fails: it leaves
        nothing behind, so nothing is written down; inside a penalty it isn't tried."""
        if await self.governor.closed(self.one.chat):
            return False
        try:
            return await self.channel.draft(self.one.chat, text, turn_id=self.one.turn_id)
        except RateLimited as error:
            await self.governor.penalize(self.one.chat, error.retry_after_seconds)
        except ChannelError as error:
            log.info("draft_not_shown", turn=self.one.turn_id, code=error.code)
        return False

    async def status(self, *, shown: bool = True, before: int = 0) -> bool:
        """Show that an answer is being prepared, without a message. False where that can't be.
        `before`: how many are answered first."""
        one = self.one
        if await self.governor.closed(one.chat):
            return False
        try:
            return await self.channel.status(one.chat, one.language, shown=shown, before=before)
        except ChannelError as error:
            log.info("status_not_shown", turn=one.turn_id, code=error.code)
        return False

    async def remove(self, position: int, message_id: str) -> None:
        """Take a message away, with retries. Raises ChannelError."""
        for pause in (*RETRY_SECONDS, None):
            await self.permit()
            intent = await self._begin(position, "removal")
            try:
                call = self.channel.delete(self.one.chat, message_id, self.one.language)
                await self._call("delete", call, self.channel.pace_of("other"))
            except MessageGone:
                pass
            except RateLimited as error:
                await self._failed(intent, error)
                await self.governor.penalize(self.one.chat, error.retry_after_seconds)
                continue
            except (PlatformUnavailable, SendOutcomeUnknown) as error:
                await self._failed(intent, error)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
                continue
            except ChannelError as error:
                await self._failed(intent, error)
                raise
            await self._close(intent, "sent", message_id=message_id)
            return
        raise PlatformUnavailable("The platform could not be reached for too long.")

    async def _begin(self, position: int, kind: IntentKind) -> int:
        """Write down that a call is about to be made; returns the intent's id.

        A process that stood still after this (stopped, without a processor) may long be followed
        by another: then it asks again. Raises DeliveryLost.
        """
        while True:
            asked = self.clock()
            intent = await self.deliveries.begin(self.one, position, kind)
            if self.clock() - asked < self.deliveries.lease_seconds / 2:
                return intent
            await self._close(intent, "failed", error="stalled")

    async def permit(self, act: Act = "other", message_id: str = "") -> None:
        """Wait until such a call may be made."""
        pace = self.channel.pace_of(act, message_id)
        call: Call = "final" if act == "final" else "other"
        await self.governor.permit(self.one.chat, pace, call=call)

    async def ask(self, call: Call, message_id: str) -> float:
        """0: this edit may be made now; else the seconds to wait."""
        act: Act = "final" if call == "final" else "edit"
        pace = self.channel.pace_of(act, message_id)
        return await self.governor.ask(self.one.chat, pace, call)

    async def _post_permitted(self) -> tuple[Pace, bool]:
        """Wait until a post may be made; whether it opens a stream. These are for who finds room
        for one now: a message needs no turn."""
        pace = self.channel.stream_pace(self.one.chat)
        if pace is not None and await self.governor.ask(self.one.chat, pace, "now") <= 0:
            return pace, True
        await self.permit("post")
        return self.channel.pace_of("post"), False

    def _post(self, position: int, stream: bool) -> Awaitable[str]:
        one = self.one
        placeholder = Placeholder(
            one.turn_id, one.key(position), one.reply_to, one.language, one.asker, stream
        )
        return self.channel.post(one.chat, placeholder)

    async def _found(self, intent: int, position: int, error: str = "interrupted") -> str:
        """Settle a post of unknown end: its message id, or "" when it must be posted again."""
        found = await self._find(position)
        if found:
            await self._close(intent, "sent", message_id=found)
        else:
            state: IntentState = "unknown" if found is None else "failed"
            await self._close(intent, state, error=error)
        log.info("post_settled", turn=self.one.turn_id, position=position, found=bool(found))
        return found or ""

    async def _find(self, position: int) -> str | None:
        others = await self._known()
        for pause in (*RETRY_SECONDS, None):
            await self.permit()
            key, reply_to = self.one.key(position), self.one.reply_to
            find = self.channel.find(self.one.chat, key, reply_to=reply_to, known=others)
            try:
                return await self._call("find", find, self.channel.pace_of("other"))
            except RateLimited as error:
                await self.governor.penalize(self.one.chat, error.retry_after_seconds)
            except (PlatformUnavailable, SendOutcomeUnknown):
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        raise PlatformUnavailable("The platform could not be read for too long.")

    async def _known(self) -> frozenset[str]:
        """The ids of this reply's messages, as far as they were told."""
        posts = await self.deliveries.posts(self.one.turn_id)
        return frozenset(post.message_id for post in posts if post.message_id)

    async def _made(self, intent: int, name: str, call: Awaitable[T], pace: Pace) -> T:
        """A call that writes. When another takes over meanwhile, its end is still waited for: what
        is on its way can't be called back, and a post's answer says which message stands there."""
        making = asyncio.ensure_future(self._call(name, call, pace))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError as cancelled:
            if cancelled.args == (GONE,):
                with suppress(StorageUnavailable):
                    await self._made_late(intent, making)
            raise
        finally:
            making.cancel()

    async def _made_late(self, intent: int, making: asyncio.Future[T]) -> None:
        await asyncio.wait({making}, timeout=ANSWER_SECONDS)
        answered = making.done() and not making.cancelled() and making.exception() is None
        if answered and isinstance(message_id := making.result(), str):
            await self._close(intent, "sent", message_id=message_id)
        else:
            await self.deliveries.late(self.one, intent)

    async def _close(self, intent: int, state: IntentState, **how: Any) -> None:
        """Write down how a call ended, to the end: who is cancelled meanwhile is so after it."""
        closing = asyncio.ensure_future(self.deliveries.close(self.one, intent, state, **how))
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await asyncio.wait({closing})
            raise

    async def _failed(self, intent: int, error: ChannelError) -> None:
        await self._close(intent, "failed", error=error.code)

    async def _call(self, name: str, call: Awaitable[T], pace: Pace) -> T:
        result = "ok"
        try:
            answer = await call
        except ChannelError as error:
            result = error.code
            self.governor.done(self.one.chat, pace)
            raise
        finally:
            self.metrics.call(self.channel.name, name, result)
        self.governor.done(self.one.chat, pace)
        return answer
