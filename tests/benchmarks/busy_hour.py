"""An hour of two hundred busy chats, in which Telegram refuses nothing: on a simulated clock.

The budget's script runs in Valkey, as it does in production, and is told the time; the flood limits
are the fake Bot API server's, on the same clock. What asks the budget is a model of a reply's show:
a post, edits while it grows, further messages, the end. Each call arrives a random time after it
was granted, so that calls which set out apart may arrive together.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Generator
from dataclasses import astuple, dataclass, field
from random import Random

from redis import Redis
from redis.commands.core import Script

from assistant.outgoing.budget import AGAIN, GRANT, SECOND, Call, Terms
from assistant.outgoing.penalties import AccountKeys
from assistant.storage.embedded import embedded_valkey
from bots.telegram.channel import PACE
from tests.benchmarks.program import scratch
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.fakes.telegram.flood import FloodControl, Limits
from tests.fakes.telegram.refusals import Refused

CHATS = 200
GROUPS = 40  # of them
SEED = 20_261_125
START = 1_700_000_000 * SECOND
ANSWER_SECONDS = (3.0, 60.0)
THINKING_SECONDS = (5.0, 120.0)  # of a person, between an answer and the next question
MESSAGE = 25 * SECOND  # in which one message of an answer is full
FIRST_TEXT = SECOND // 4  # after its post
WAY_SECONDS = (0.005, 0.08)  # from the grant to the server
KEYS = AccountKeys("telegram", "default")


@dataclass(frozen=True, slots=True)
class Want:
    """The next call of a chat: not before `at`, and given up at `until`, if that is not 0."""

    at: int
    call: Call
    until: int = 0


# Yields what the chat wants; is sent when that was granted, or None where it was given up.
Talk = Generator[Want, int | None, None]


@dataclass(slots=True)
class Hour:
    redis: Redis
    random: Random
    arrivals: list[tuple[int, int]] = field(default_factory=list)  # when, into which chat
    granted: Counter[Call] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)  # seconds from an answer's end to its last edit
    gaps: list[float] = field(default_factory=list)  # seconds between two edits of an answer

    def run(self, seconds: float) -> None:
        self.redis.set(KEYS.marker, 1)
        script, end = self.redis.register_script(GRANT), START + _of(seconds)
        talks = {chat: self._talk() for chat in range(-GROUPS, CHATS - GROUPS + 1) if chat}
        wants = {chat: next(talk) for chat, talk in talks.items()}
        line = [(want.at, chat) for chat, want in wants.items()]
        heapq.heapify(line)
        while line[0][0] < end:
            now, chat = heapq.heappop(line)
            want = wants[chat]
            if 0 < want.until <= now:
                wants[chat] = talks[chat].send(None)
            elif wait := self._ask(script, chat, want.call, now):
                again = now + min(wait, AGAIN)
                heapq.heappush(line, (min(again, want.until or again), chat))
                continue
            else:
                self.granted[want.call] += 1
                way = _of(self.random.uniform(*WAY_SECONDS))
                self.arrivals.append((now + way, chat))
                wants[chat] = talks[chat].send(now)
            heapq.heappush(line, (max(now, wants[chat].at), chat))

    def refusals(self) -> int:
        """How many of all that was granted Telegram refuses, in the order of its arrival."""
        clock, refused = START, 0
        flood = FloodControl(Limits(), lambda: clock / SECOND)
        for clock, chat in sorted(self.arrivals):  # noqa: B007  the flood control reads it
            try:
                flood.check(chat)
            except Refused:
                refused += 1
        return refused

    def _ask(self, script: Script, chat: int, call: Call, now: int) -> int:
        terms = Terms.of(PACE, "private" if chat > 0 else "group")
        return int(script(KEYS.of_grant(str(chat)), [str(chat), *astuple(terms), call, "", now]))

    def _talk(self) -> Talk:
        """Question after question, each answered as `assistant/outgoing/show.py` does it."""
        at = START + _of(self.random.uniform(0, THINKING_SECONDS[1]))
        while True:
            posted = yield Want(at, "other")
            assert posted is not None
            ends = posted + _of(self.random.uniform(*ANSWER_SECONDS))
            yield from self._grow(posted + FIRST_TEXT, ends)
            said = yield Want(ends, "final")
            assert said is not None
            self.late.append((said - ends) / SECOND)
            at = said + _of(self.random.uniform(*THINKING_SECONDS))

    def _grow(self, begins: int, ends: int) -> Talk:
        edited, full = None, begins + MESSAGE
        while True:
            now = yield Want(edited or begins, "edit", until=ends)
            if now is None:
                return
            if edited is not None:
                self.gaps.append((now - edited) / SECOND)
            edited = now
            if now >= full:  # the answer goes on in a further message
                full += MESSAGE
                yield Want(now, "other", until=ends)


async def measure(effort: Effort) -> Table:
    seconds = 60.0 if effort.quick else 3600.0
    with scratch() as folder:
        async with embedded_valkey(folder) as url:
            hour = await asyncio.to_thread(_hour, url, seconds)
    calls = hour.granted.total()
    return Table(
        f"{seconds / 60:g} minutes of {CHATS} busy chats in Telegram, simulated",
        [
            Row("flood errors", "", [float(hour.refusals())], Target("at most", 0)),
            Row("answers", "", [float(len(hour.late))]),
            Row("calls an answer", "", [calls / len(hour.late)]),
            Row("calls a second, all chats together", "1/s", [calls / seconds]),
            Row("between two edits of an answer", "s", hour.gaps),
            Row("from an answer's end to its last edit's grant", "s", hour.late),
        ],
        [
            f"{GROUPS} of the chats are groups; an answer takes {ANSWER_SECONDS[0]:g} to "
            f"{ANSWER_SECONDS[1]:g} s, a person's next question {THINKING_SECONDS[0]:g} to "
            f"{THINKING_SECONDS[1]:g} s",
            "the governor's script in Valkey, told the time; the fake server's flood limits on the "
            f"same clock; each call on its way for {WAY_SECONDS[0] * 1000:g} to "
            f"{WAY_SECONDS[1] * 1000:g} ms",
            f"seed {SEED}",
        ],
    )


def _hour(url: str, seconds: float) -> Hour:
    with Redis.from_url(url) as redis:
        hour = Hour(redis, Random(SEED))
        hour.run(seconds)
    return hour


def _of(seconds: float) -> int:
    """In the budget's microseconds."""
    return round(seconds * SECOND)
