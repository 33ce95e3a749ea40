"""What a person in Slack waits for, against a strict server: 50 ms away, its rates enforced.

The whole program (`outrider run`) talks to the fake Slack server; its engine recites an answer,
200 ms to the first of 30 words a second. Times begin when the event has come to us, half a round
trip after the question, and end when a call has come to the server, half a round trip after we made
it. The model's end is the database's. A conversation is a thread.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.program import scratch
from tests.benchmarks.recital import ROUND_TRIP_SECONDS, Recital, recital
from tests.benchmarks.reciting import LONG, LONG_ANSWER, SHORT_ANSWER
from tests.benchmarks.seen import Answers, Seen, Text, ended, together
from tests.benchmarks.slack_acks import acknowledgements
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.fakes.slack import FakeSlack, Message

REST_SECONDS = 65.0  # Slack counts by the minute
GIVE_UP_SECONDS = 900.0
CHANNEL = "C0CROWD"
PEOPLE = tuple(f"U{number:04}" for number in range(1, 101))
STATUS = "assistant.threads.setStatus"
INCOMING = frozenset({"apps.connections.open", "auth.test", "users.info"})  # not of an answer
NAMES = {"life": "to the status", "refused": "rate-limit errors"}
UNREFUSED = {NAMES["refused"]: Target("at most", 0)}


@dataclass(frozen=True, slots=True)
class Slack:
    """Outrider, and the workspace that it is in."""

    fake: FakeSlack
    playing: Recital

    async def answers(
        self, ask: Callable[[str], Message], people: Sequence[str], answer: str
    ) -> Answers:
        """All of these ask at once. Raises RuntimeError unless each has its answer, once."""
        fake, before = self.fake, len(self.fake.calls)
        asked: list[tuple[Message, float]] = []
        for person in people:
            at = fake.state.clock() + ROUND_TRIP_SECONDS / 2  # when we hear of it
            asked.append((ask(person), at))
        await fake.until(lambda: all(self._over(one) for one, _ in asked), GIVE_UP_SECONDS)
        await asyncio.sleep(2 * ROUND_TRIP_SECONDS + 0.3)  # what comes after would be too much
        done = await ended(self.playing.postgres)
        seen = [self._seen(one, at, done[one.channel, one.ts]) for one, at in asked]
        for one in seen:
            one.compare(answer)
        made = [call for call in fake.calls[before:] if call.method not in INCOMING]
        refused = sum(call.error == "ratelimited" for call in fake.calls[before:])
        return Answers(seen, Counter(call.method for call in made), refused)

    def _replies(self, asked: Message) -> list[Message]:
        return [one for one in self.fake.replies(asked.channel) if one.thread_ts == asked.ts]

    def _over(self, asked: Message) -> bool:
        replies = self._replies(asked)
        return bool(replies) and replies[-1].now.button("retry") is not None

    def _seen(self, asked: Message, at: float, ended: float) -> Seen:
        texts = [
            Text(version.at, number, version.markdown)
            for number, message in enumerate(self._replies(asked))
            for version in message.versions
        ]
        return Seen(at, ended, self._status(asked), texts)

    def _status(self, asked: Message) -> float:
        place = {"channel_id": asked.channel, "thread_ts": asked.ts}
        return next(
            call.at
            for call in self.fake.calls_of(STATUS)
            if call.arguments.items() >= place.items() and not call.error
        )


async def measure(effort: Effort) -> Table:
    rows: list[Row] = []
    with scratch() as folder:
        # An engine that thinks for long: the answers are not in the way of what comes in.
        async with _talking(folder, first_token_seconds=600.0) as slack:
            crowd = effort.repetitions(100, quick=5)
            rows += await acknowledgements(slack.fake, slack.playing.outrider, PEOPLE[:crowd])
        async with _talking(folder, first_token_seconds=0.2) as slack:
            rest_seconds = 1.0 if effort.quick else REST_SECONDS
            await asyncio.sleep(rest_seconds)
            alone = await _one_thread(slack, effort.repetitions(20, quick=2))
            rows += alone.rows("one thread", UNREFUSED, **NAMES)
            rows += await _long(slack)
            for crowd in (10,) if effort.quick else (20, 100):
                rows += await _crowds(slack, crowd, rest_seconds)
    return Table("Slack, as a person sees it", rows, [*NOTES, _spent(alone)])


NOTES = (
    f"a fake Slack {ROUND_TRIP_SECONDS * 1000:g} ms away, its rates enforced: 20 streams begun and "
    "20 ended a minute, 100 appends, 50 updates, one post a second in a channel",
    "to the acknowledgement: from the event's leaving Slack, so with both ways, over the commit",
    f"an answer has {len(SHORT_ANSWER.split())} words, 30 a second after 200 ms; each was compared "
    "with what stands in the thread, which has it whole and once",
    "a crowd needs more ends than Slack takes a minute: its last ones wait for their turn",
)


async def _one_thread(slack: Slack, rounds: int) -> Answers:
    """Direct messages, one after the other, each in a thread of its own."""
    person = PEOPLE[0]
    await slack.answers(_directly(slack), [person], SHORT_ANSWER)
    return together(
        [await slack.answers(_directly(slack), [person], SHORT_ANSWER) for _ in range(rounds)]
    )


async def _long(slack: Slack) -> list[Row]:
    found = await slack.answers(_directly(slack, LONG), PEOPLE[:1], LONG_ANSWER)
    how = f"{len(LONG_ANSWER.split()):,} words with code"
    return found.rows(how, UNREFUSED, **NAMES)


async def _crowds(slack: Slack, crowd: int, rest_seconds: float) -> list[Row]:
    def in_channel(person: str) -> Message:
        return slack.fake.mention(CHANNEL, person, "hello")

    rows: list[Row] = []
    for where, ask in (("one channel", in_channel), ("direct messages", _directly(slack))):
        await asyncio.sleep(rest_seconds)
        found = await slack.answers(ask, PEOPLE[:crowd], SHORT_ANSWER)
        rows += found.rows(f"{crowd} threads at once in {where}", UNREFUSED, **NAMES)
    return rows


def _directly(slack: Slack, text: str = "hello") -> Callable[[str], Message]:
    return lambda person: slack.fake.dm(person, text)


def _spent(alone: Answers) -> str:
    count = len(alone.seen)
    spent = ", ".join(
        f"{method} {calls / count:.3g}" for method, calls in sorted(alone.calls.items())
    )
    return f"calls an answer in one thread: {spent}"


@asynccontextmanager
async def _talking(folder: Path, *, first_token_seconds: float) -> AsyncIterator[Slack]:
    place = folder / f"{first_token_seconds:g}"
    place.mkdir()
    async with FakeSlack(latency_seconds=ROUND_TRIP_SECONDS) as fake:
        settings = {
            "SLACK__BOT_TOKEN": fake.bot_token,
            "SLACK__APP_TOKEN": fake.app_token,
            "SLACK__SIGNING_SECRET": fake.signing_secret,
            "SLACK__BASE_URL": fake.url,
        }
        async with recital(place, settings, first_token_seconds=first_token_seconds) as playing:
            await fake.until(lambda: bool(fake.courier.sockets.open), 60)
            yield Slack(fake, playing)
