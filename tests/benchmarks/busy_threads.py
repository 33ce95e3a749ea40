"""An hour of a hundred busy threads, in which Slack refuses nothing: on a simulated clock.

The budget's script runs in Valkey, as it does in production, and is told the time; the rates are
the fake Slack server's, on the same clock. What asks the budget is a model of a reply's show: a
status, a stream where there is room for one, else a post and updates, further messages, the end.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from random import Random

from redis import Redis

from assistant.channel import Pace
from assistant.messages import ChatRef
from assistant.outgoing.budget import SECOND, Call
from assistant.storage.embedded import embedded_valkey
from bots.slack import paces
from tests.benchmarks.program import scratch
from tests.benchmarks.simulated import START, WAYS, Arrival, Hour, Talk, Want, of
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.fakes.slack.rates import RateLimiter, Rates

CHANNELS = 6
THREADS = 100
DIRECT = 40  # of them, each in a chat of its own; the others share the channels
SEED = 20_261_126
ANSWER_SECONDS = (3.0, 60.0)
THINKING_SECONDS = (5.0, 120.0)  # of a person, between an answer and the next question
FIRST_TEXT = SECOND // 4  # after the question
MESSAGE = 50 * SECOND  # in which one message of an answer is full
START_STREAM, POST = "chat.startStream", "chat.postMessage"


@dataclass(frozen=True, slots=True)
class Message:
    """How a message grows and ends: by which budget, and by which of Slack's methods."""

    grows: tuple[Pace, str]
    ends: tuple[Pace, str]


STREAM = Message((paces.APPEND, "chat.appendStream"), (paces.STOP, "chat.stopStream"))
UPDATED = Message((paces.UPDATE, "chat.update"), (paces.UPDATE, "chat.update"))


@dataclass(slots=True)
class Replies:
    """`late`: seconds from an answer's end to the grant of its last call; `first`: from the
    question to that of its first text; `gaps`: between two edits."""

    random: Random
    late: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)

    def talk(self) -> Talk:
        """Question after question, each answered as `assistant/outgoing/show.py` does it."""
        at = START + of(self.random.uniform(0, THINKING_SECONDS[1]))
        while True:
            yield Want(at, "other", None, "assistant.threads.setStatus")
            ends = at + of(self.random.uniform(*ANSWER_SECONDS))
            message, posted = yield from _post(at + FIRST_TEXT)
            message, shown = yield from self._grow(message, posted, ends)
            said = yield Want(max(ends, posted), "final", *message.ends)
            assert said is not None
            self.first.append(((shown or said) - at) / SECOND)
            self.late.append((said - ends) / SECOND)
            at = said + of(self.random.uniform(*THINKING_SECONDS))

    def _grow(
        self, message: Message, begins: int, ends: int
    ) -> Generator[Want, int | None, tuple[Message, int | None]]:
        """The message in which the answer ends, and when its first text was granted."""
        shown, edited, full = None, None, begins + MESSAGE
        while True:
            call: Call = "first" if edited is None else "edit"
            now = yield Want(edited or begins, call, *message.grows, until=ends)
            if now is None:
                return message, shown
            if edited is not None:
                self.gaps.append((now - edited) / SECOND)
            shown, edited = shown or now, now
            if now >= full:  # the answer goes on in a further message; this one has all its text
                full += MESSAGE
                former = message
                message, edited = yield from _post(now)
                yield Want(edited, "final", *former.ends)


def _post(at: int) -> Generator[Want, int | None, tuple[Message, int]]:
    """A stream for who finds room for one now, else a message."""
    if (now := (yield Want(at, "now", paces.START, START_STREAM, until=at + 1))) is not None:
        return STREAM, now
    now = yield Want(at, "other", paces.POST, POST)
    assert now is not None
    return UPDATED, now


def refusals(arrivals: Sequence[Arrival]) -> int:
    """How many of these Slack refuses, in the order of their arrival."""
    clock, refused = START, 0
    limiter = RateLimiter(Rates(), lambda: clock / SECOND)
    for one in sorted(arrivals, key=lambda one: one.at):
        clock = one.at
        refused += limiter.retry_after(one.method, one.chat.chat_id) is not None
    return refused


def busy(url: str, seconds: float) -> tuple[Hour, Replies]:
    """So long of it, in the Valkey at `url`."""
    random = Random(SEED)
    replies = Replies(random)
    with Redis.from_url(url) as redis:
        hour = Hour(redis, random)
        hour.run([(_thread(number), replies.talk()) for number in range(THREADS)], seconds)
    return hour, replies


async def measure(effort: Effort) -> Table:
    seconds = 300.0 if effort.quick else 3600.0
    with scratch() as folder:
        async with embedded_valkey(folder) as url:
            hour, replies = await asyncio.to_thread(busy, url, seconds)
    methods = Counter(one.method for one in hour.arrivals)
    spent = {method: count / len(replies.late) for method, count in sorted(methods.items())}
    return Table(
        f"{seconds / 60:g} minutes of {THREADS} busy threads in Slack, simulated",
        [
            Row("rate-limit errors", "", [float(refusals(hour.arrivals))], Target("at most", 0)),
            Row("answers", "", [float(len(replies.late))]),
            Row("streams", "", [float(methods[START_STREAM])]),
            Row("posts", "", [float(methods[POST])]),
            Row("calls an answer", "", [sum(spent.values())]),
            Row("from a question to the first text's grant", "s", replies.first),
            Row("between two edits of an answer", "s", replies.gaps),
            Row("from an answer's end to its last call's grant", "s", replies.late),
        ],
        [
            f"{DIRECT} of the threads are in direct messages, the others in {CHANNELS} channels; "
            f"an answer takes {ANSWER_SECONDS[0]:g} to {ANSWER_SECONDS[1]:g} s, a person's next "
            f"question {THINKING_SECONDS[0]:g} to {THINKING_SECONDS[1]:g} s",
            "calls an answer: " + ", ".join(f"{one} {count:.3g}" for one, count in spent.items()),
            "the governor's script in Valkey, told the time; the fake server's rates on the same "
            f"clock; {WAYS}",
            f"seed {SEED}",
        ],
    )


def _thread(number: int) -> ChatRef:
    if number < DIRECT:
        return ChatRef("slack", "default", f"D{number}", "1.0", "private")
    return ChatRef("slack", "default", f"C{number % CHANNELS}", f"{number}.0", "group")
