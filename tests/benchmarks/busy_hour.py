"""An hour of two hundred busy chats, in which Telegram refuses nothing: on a simulated clock.

The budget's script runs in Valkey, as it does in production, and is told the time; the flood limits
are the fake Bot API server's, on the same clock. What asks the budget is a model of a reply's show:
a post, edits while it grows, further messages, the end. Each call arrives a random time after it
was granted, so that calls which set out apart may arrive together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from redis import Redis

from assistant.messages import ChatKind, ChatRef
from assistant.outgoing.budget import SECOND
from assistant.storage.embedded import embedded_valkey
from bots.telegram.channel import PACE
from tests.benchmarks.program import scratch
from tests.benchmarks.simulated import START, WAYS, Arrival, Hour, Talk, Want, of
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.fakes.telegram.flood import FloodControl, Limits
from tests.fakes.telegram.refusals import Refused

CHATS = 200
GROUPS = 40  # of them
SEED = 20_261_125
ANSWER_SECONDS = (3.0, 60.0)
THINKING_SECONDS = (5.0, 120.0)  # of a person, between an answer and the next question
MESSAGE = 25 * SECOND  # in which one message of an answer is full
FIRST_TEXT = SECOND // 4  # after its post


@dataclass(slots=True)
class Replies:
    """`late`: seconds from an answer's end to its last edit; `gaps`: seconds between two edits."""

    random: Random
    late: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)

    def talk(self) -> Talk:
        """Question after question, each answered as `assistant/outgoing/show.py` does it."""
        at = START + of(self.random.uniform(0, THINKING_SECONDS[1]))
        while True:
            posted = yield Want(at, "other", PACE)
            assert posted is not None
            ends = posted + of(self.random.uniform(*ANSWER_SECONDS))
            yield from self._grow(posted + FIRST_TEXT, ends)
            said = yield Want(ends, "final", PACE)
            assert said is not None
            self.late.append((said - ends) / SECOND)
            at = said + of(self.random.uniform(*THINKING_SECONDS))

    def _grow(self, begins: int, ends: int) -> Talk:
        edited, full = None, begins + MESSAGE
        while True:
            now = yield Want(edited or begins, "edit", PACE, until=ends)
            if now is None:
                return
            if edited is not None:
                self.gaps.append((now - edited) / SECOND)
            edited = now
            if now >= full:  # the answer goes on in a further message
                full += MESSAGE
                yield Want(now, "other", PACE, until=ends)


def refusals(arrivals: Sequence[Arrival]) -> int:
    """How many of these Telegram refuses, in the order of their arrival."""
    clock, refused = START, 0
    flood = FloodControl(Limits(), lambda: clock / SECOND)
    for one in sorted(arrivals, key=lambda one: (one.at, int(one.chat.chat_id))):
        clock = one.at
        try:
            flood.check(int(one.chat.chat_id))
        except Refused:
            refused += 1
    return refused


async def measure(effort: Effort) -> Table:
    seconds = 60.0 if effort.quick else 3600.0
    with scratch() as folder:
        async with embedded_valkey(folder) as url:
            hour, replies = await asyncio.to_thread(_hour, url, seconds)
    calls = len(hour.arrivals)
    return Table(
        f"{seconds / 60:g} minutes of {CHATS} busy chats in Telegram, simulated",
        [
            Row("flood errors", "", [float(refusals(hour.arrivals))], Target("at most", 0)),
            Row("answers", "", [float(len(replies.late))]),
            Row("calls an answer", "", [calls / len(replies.late)]),
            Row("calls a second, all chats together", "1/s", [calls / seconds]),
            Row("between two edits of an answer", "s", replies.gaps),
            Row("from an answer's end to its last edit's grant", "s", replies.late),
        ],
        [
            f"{GROUPS} of the chats are groups; an answer takes {ANSWER_SECONDS[0]:g} to "
            f"{ANSWER_SECONDS[1]:g} s, a person's next question {THINKING_SECONDS[0]:g} to "
            f"{THINKING_SECONDS[1]:g} s",
            "the governor's script in Valkey, told the time; the fake server's flood limits on the "
            f"same clock; {WAYS}",
            f"seed {SEED}",
        ],
    )


def _hour(url: str, seconds: float) -> tuple[Hour, Replies]:
    random = Random(SEED)
    replies = Replies(random)
    talks = [
        (_chat(number), replies.talk()) for number in range(-GROUPS, CHATS - GROUPS + 1) if number
    ]
    with Redis.from_url(url) as redis:
        hour = Hour(redis, random)
        hour.run(talks, seconds)
    return hour, replies


def _chat(number: int) -> ChatRef:
    kind: ChatKind = "private" if number > 0 else "group"
    return ChatRef("telegram", "default", str(number), kind=kind)
