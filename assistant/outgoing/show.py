"""Showing a reply on a platform: posted once, edited as it grows, its end always brought there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from assistant.answering.stopping import Stopping
from assistant.answering.turns import Turns
from assistant.channel import FAILED
from assistant.errors import (
    ChannelError,
    ContentRefused,
    MessageGone,
    PlatformUnavailable,
    RateLimited,
    SendOutcomeUnknown,
    StoppedByPerson,
)
from assistant.messages import ReplyDelta, TurnState
from assistant.outgoing.budget import Call
from assistant.outgoing.governor import AGAIN_SECONDS
from assistant.outgoing.outbox import RETRY_SECONDS, SETTLE_SECONDS, Outbox
from assistant.outgoing.waiting import Waiting
from assistant.phrases import ENGLISH, Phrase, language_of, say, sentences

log = structlog.get_logger()

REFUSED = Phrase("ending.refused")
STATUS_SECONDS = 100.0  # Slack shows a status for two minutes
PLACE_SECONDS = 3.0  # between two looks at how many are before
# How many tokens over the limit it was stands in what was stored (inference/errors.py).
TOO_LONG, OVER = "prompt_too_long", re.compile(r"\bby ([\d,]+) tokens")
ROOM = 100  # characters more, before a full message is looked at again
# Ends that another turn, or the removal of the reply, answers for.
SILENT_ENDS = frozenset({"superseded", "deleted"})


@dataclass(slots=True)
class ShownReply:
    """What a reply looks like now, for whoever shows it next; older looks are skipped."""

    language: str = ""  # of whom it is for
    text: str = ""
    attempt: int = 0
    state: TurnState | None = None
    error: str = ""
    error_code: str = ""
    fault: Exception | None = None
    full: int = 0  # characters, beyond which the text needs a further message
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    pressing: asyncio.Event = field(default_factory=asyncio.Event)  # no edit's turn is waited for

    def apply(self, delta: ReplyDelta) -> None:
        self.text = self.text[: delta.offset] + delta.text
        self.attempt = delta.attempt
        self.state, self.error, self.error_code = delta.state, delta.error, delta.error_code
        self.changed.set()
        if self.final or self.outgrown:
            self.pressing.set()

    @property
    def final(self) -> bool:
        return self.state is not None

    @property
    def outgrown(self) -> bool:
        return len(self.text) > self.full

    @property
    def silent(self) -> bool:
        return self.state == "cancelled" and self.error_code in SILENT_ENDS

    def visible(self) -> str:
        """The text for the person; a failure or an empty end is said in words."""
        if self.state is None:
            return self.text
        if self.state == "failed":
            sentence = self._failure()
            return f"{self.text}\n\n{FAILED}{sentence}" if self.text.strip() else FAILED + sentence
        ending = Phrase(f"ending.{self.state}")
        return self.text if self.text.strip() else say(ending, self.language)

    def _failure(self) -> str:
        """In English as it was stored, with its figures; else by its code where that is known."""
        key = f"error.{self.error_code}"
        known = key in sentences(ENGLISH)
        if self.error and (not known or language_of(self.language) == ENGLISH):
            return self.error
        if self.error_code == TOO_LONG and (found := OVER.search(self.error)):
            over = int(found[1].replace(",", ""))
            return say(Phrase("error.prompt_too_long_by", {"over": over}), self.language)
        return say(Phrase(key if known else "ending.failed"), self.language)


@dataclass(slots=True)
class Show:
    """One reply on its way to one chat."""

    outbox: Outbox
    turns: Turns
    stopping: Stopping
    waiting: Waiting
    _posted: dict[int, str] = field(default_factory=dict, init=False)
    _shown: dict[int, tuple[str, bool, bool]] = field(default_factory=dict, init=False)
    # Of what stands there, the messages of an earlier answer that none of our edits has met yet.
    _former: set[int] = field(default_factory=set, init=False)
    _may_show: int = field(default=0, init=False)  # the attempt whose text may be shown
    # Messages with an edit of unknown end: it may take effect yet, also after a later one.
    _unsettled: set[int] = field(default_factory=set, init=False)
    _failed: bool = field(default=False, init=False)  # it ends in a sentence of ours
    _drafts: bool = field(default=False, init=False)  # no message stands yet, drafts are shown

    async def follow(self, deltas: AsyncIterator[ReplyDelta]) -> None:
        """Show the reply until its end stands on the platform."""
        reply = ShownReply(self.outbox.one.language)
        reading = asyncio.create_task(_read(deltas, reply))
        try:
            await self._show(reply)
        finally:
            reading.cancel()
            await asyncio.wait({reading})

    async def _show(self, reply: ShownReply) -> None:
        self._posted = await self.outbox.posted()
        if 0 not in self._posted:
            self._drafts = await self.outbox.draft("")
            if not self._drafts and not await self.outbox.status():
                self._posted[0] = await self.outbox.post(0)
        elif self.outbox.one.replaces:
            await self._begin_again()
        while True:
            await self._changed(reply)
            if reply.fault is not None:
                raise reply.fault
            if not self._is_something(reply):
                continue
            if not self._posted and not self._drafts and not reply.silent:
                self._posted[0] = await self.outbox.post(0)
            if not self._posted and reply.silent:
                # Where another answer follows, the status is that one's by now.
                if reply.error_code == "deleted":
                    await self.outbox.status(shown=False)
                return
            if not await self._permitted(reply):
                await self._make_room(reply)
                continue
            if reply.silent:
                return
            final, self._failed = reply.final, reply.state == "failed"
            pieces = self.outbox.channel.split(reply.visible())
            # An end is shown in any case; with text in it that may be the first that is seen.
            may = await self._may(reply.attempt) if reply.text.strip() else final
            if (final or may) and not await self._drafted(pieces, final):
                await self._put(pieces, final)
            if final:
                await self._clear_surplus()
                await self._settle(pieces)
                return

    async def _changed(self, reply: ShownReply) -> None:
        """Wait for more of the reply. Before there is any, who waits is told how many are before
        them, and a status is shown again before the platform takes it away."""
        waiting = self.waiting
        while not reply.changed.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    None if self._shown else min(PLACE_SECONDS, STATUS_SECONDS)
                ):
                    await reply.changed.wait()
                    break
            if self._drafts:
                self._drafts = bool(reply.text) or await waiting.in_draft()
            elif not self._posted:
                await waiting.in_status(STATUS_SECONDS)
            elif (words := await waiting.in_message(self._posted[0])) is not None:
                await self._edit(0, words, final=False, last=False)
        reply.changed.clear()

    @property
    def _newest(self) -> str:
        """The id of the last message that stands; empty before there is one."""
        return self._posted[max(self._posted)] if self._posted else ""

    def _is_something(self, reply: ShownReply) -> bool:
        """No call is spent on a text of which nothing would be seen yet."""
        if reply.final or not reply.text.strip():
            return reply.final
        return bool(self._shown) or self.outbox.channel.shows(reply.text)

    async def _begin_again(self) -> None:
        """Where an earlier answer stands: its place is empty until the new one comes."""
        self._former = self._posted.keys() - await self.outbox.edited()
        await self.outbox.permit("edit", self._posted[0])
        try:
            await self.outbox.edit(0, self._posted[0], "", final=False)
        except MessageGone:
            if 0 in self._former:
                await self._post_anew(0)
        except (PlatformUnavailable, SendOutcomeUnknown, RateLimited):
            return
        self._former.discard(0)

    async def _post_anew(self, position: int) -> None:
        """This message of an earlier answer can't become the new one (the person took it away, or
        it is too old): the new answer is not to be missing. What came after it would stand above.
        """
        for stale in sorted((one for one in self._posted if one >= position), reverse=True):
            await self.outbox.remove(stale, self._posted.pop(stale))
            self._shown.pop(stale, None)
        self._former = {one for one in self._former if one < position}
        self._posted[position] = await self.outbox.post(position)

    async def _permitted(self, reply: ShownReply) -> bool:
        """Wait until a call may be made. The reply's end does not wait for an edit's turn.

        False: the text has outgrown its last message meanwhile.
        """
        while True:
            final = reply.final
            if not final and reply.outgrown:
                return False
            reply.pressing.clear()
            call: Call = "final" if final else "edit" if self._shown else "first"
            wait = await self.outbox.ask(call, self._newest)
            if wait <= 0:
                return True
            wait = min(wait, AGAIN_SECONDS)
            if final:
                await asyncio.sleep(wait)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await reply.pressing.wait()

    async def _make_room(self, reply: ShownReply) -> None:
        """Post the further message before its text's turn comes, so that this goes on at once."""
        reply.changed.set()
        text = reply.visible()
        pieces = self.outbox.channel.split(text)
        if not pieces:  # the turn has begun anew
            return
        await self._post_missing(pieces)
        begins = len(text) - len(pieces[-1])
        reply.full = max(begins + self.outbox.channel.message_characters, len(text) + ROOM)

    async def _may(self, attempt: int) -> bool:
        """Whether text of this attempt may be shown; a turn that starts again shows nothing."""
        if self._may_show != attempt:
            shown = await self.turns.show(self.outbox.one.turn_id, attempt)
            if shown is not None:
                self._may_show = attempt
                self.outbox.metrics.first_text(shown.channel, shown.first_after_seconds)
        return self._may_show == attempt

    async def _drafted(self, pieces: Sequence[str], final: bool) -> bool:
        """Where drafts are wanted, one message is posted for the end, or when one isn't enough."""
        if final or len(pieces) > 1 or not self._drafts:
            self._drafts = False
        else:
            self._drafts = await self.outbox.draft(pieces[0])
        return self._drafts

    async def _put(self, pieces: Sequence[str], final: bool) -> None:
        """Bring the platform's messages to these pieces; only the last may still change."""
        permitted = True  # the caller asked for the first call
        if not final:
            await self._post_missing(pieces)
        for position in self._order(pieces, final):
            done = final or position < len(pieces) - 1
            last = final and position == len(pieces) - 1
            if position not in self._posted:
                self._posted[position] = await self.outbox.post(position)
                permitted = False
            if not permitted:
                await self.outbox.permit("final" if done else "edit", self._posted[position])
            permitted = False
            if await self._edit(position, pieces[position], done, last):
                self._shown[position] = (pieces[position], done, last)
        if final and len(self._posted) < len(pieces):  # one had to be posted anew
            await self._put(pieces, final)

    def _order(self, pieces: Sequence[str], final: bool) -> Sequence[int]:
        """The messages to edit. While the reply grows, what is new comes first, so that nothing
        that was read is gone for a moment; a message that is full keeps its buttons until the
        end, when it comes last."""
        positions = range(len(pieces))
        stale = [one for one in positions if self._text_of(one) != pieces[one]]
        if not final:
            return stale[::-1]
        ended = {one: (pieces[one], True, one == len(pieces) - 1) for one in positions}
        return stale + [
            one for one in positions if one not in stale and self._shown[one] != ended[one]
        ]

    def _text_of(self, position: int) -> str | None:
        return self._shown[position][0] if position in self._shown else None

    async def _post_missing(self, pieces: Sequence[str]) -> None:
        if self._drafts and len(pieces) == 1:
            return
        for position in range(len(self._posted), len(pieces)):
            self._posted[position] = await self.outbox.post(position)

    async def _edit(self, position: int, piece: str, final: bool, last: bool) -> bool:
        """Edit until it stands. An edit that isn't final is given up for a newer one."""
        for pause in (*RETRY_SECONDS, None):
            try:
                failed = last and self._failed
                await self.outbox.edit(
                    position, self._posted[position], piece, final=final, last=last, failed=failed
                )
            except RateLimited:
                if not final:
                    return False
                await self.outbox.permit("final", self._posted[position])
            except StoppedByPerson:
                await self.stopping.stop(self.outbox.one.turn_id)
                if not final:
                    return False
                await self.outbox.permit("final", self._posted[position])
            except MessageGone:
                if position in self._former:
                    await self._post_anew(position)
                    continue
                log.warning("reply_gone", turn=self.outbox.one.turn_id, position=position)
                return True
            except (PlatformUnavailable, SendOutcomeUnknown):
                self._unsettled.add(position)
                if not final:
                    return False
                if pause is None:
                    raise
                await asyncio.sleep(pause)
                await self.outbox.permit("final", self._posted[position])
            except ContentRefused:
                log.error("content_refused", turn=self.outbox.one.turn_id, position=position)
                if final:
                    await self._say_refused(position)
                    raise
                return False
            else:
                self._former.discard(position)
                return True
        raise PlatformUnavailable("The platform could not be reached for too long.")

    async def _say_refused(self, position: int) -> None:
        """The delivery has failed; the person is told in words that no platform refuses."""
        await self.outbox.permit("final", self._posted[position])
        with suppress(ChannelError):
            refused = FAILED + say(REFUSED, self.outbox.one.language)
            await self.outbox.edit(
                position, self._posted[position], refused, final=True, failed=True
            )

    async def _settle(self, pieces: Sequence[str]) -> None:
        """Say the end again where an edit that nobody answered may have come after it."""
        unsettled = [one for one in sorted(self._unsettled) if one < len(pieces)]
        if unsettled:
            await asyncio.sleep(SETTLE_SECONDS)
        for position in unsettled:
            await self.outbox.permit("final", self._posted[position])
            await self._edit(position, pieces[position], True, position == len(pieces) - 1)

    async def _clear_surplus(self) -> None:
        """Take away messages of an earlier, longer answer."""
        for position in sorted(self._posted.keys() - self._shown.keys(), reverse=True):
            await self.outbox.remove(position, self._posted[position])


@dataclass(frozen=True, slots=True)
class Removal:
    """The question was deleted: its answer leaves the platform."""

    outbox: Outbox

    async def carry_out(self) -> None:
        posted = await self.outbox.posted()
        if not posted:
            await self.outbox.status(shown=False)
        for position in sorted(posted, reverse=True):
            await self.outbox.remove(position, posted[position])


async def _read(deltas: AsyncIterator[ReplyDelta], reply: ShownReply) -> None:
    """Keep `reply` current, as fast as deltas come; a fault is raised where the reply is shown."""
    try:
        async for delta in deltas:
            reply.apply(delta)
        if not reply.final:  # erased meanwhile
            reply.apply(ReplyDelta(0, 0, 0, "", state="cancelled", error_code="deleted"))
    except Exception as fault:
        reply.fault = fault
        reply.changed.set()
