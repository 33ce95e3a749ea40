"""Hours of busy chats on a simulated clock: the budget's script in Valkey is told the time.

What asks for a call is a model of a reply's show. Each call arrives a random time after it was
granted, so that calls which set out apart may arrive together.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Sequence
from dataclasses import astuple, dataclass, field
from random import Random

from redis import Redis
from redis.commands.core import Script

from assistant.channel import Pace
from assistant.messages import ChatRef
from assistant.outgoing.budget import AGAIN, DONE, GRANT, SECOND, Call, Terms
from assistant.outgoing.penalties import AccountKeys

START = 1_700_000_000 * SECOND
WAY_SECONDS = (0.005, 0.08)  # from the grant to the server
WAYS = f"each call on its way for {WAY_SECONDS[0] * 1000:g} to {WAY_SECONDS[1] * 1000:g} ms"


@dataclass(frozen=True, slots=True)
class Want:
    """The next call of a chat: not before `at`, and given up at `until`, if that is not 0. One
    without a pace asks no budget."""

    at: int
    call: Call
    pace: Pace | None
    method: str = ""
    until: int = 0


# Yields what the chat wants; is sent when that was granted, or None where it was given up.
Talk = Generator[Want, int | None, None]


@dataclass(frozen=True, slots=True)
class Arrival:
    at: int
    chat: ChatRef
    method: str


@dataclass(slots=True)
class Hour:
    """`arrivals`: all that was granted. Times in the budget's microseconds."""

    redis: Redis
    random: Random
    arrivals: list[Arrival] = field(default_factory=list)

    def run(self, talks: Sequence[tuple[ChatRef, Talk]], seconds: float) -> None:
        self.redis.set(_keys(talks[0][0]).marker, 1)
        script, end = self.redis.register_script(GRANT), START + of(seconds)
        wants = [next(talk) for _, talk in talks]
        line = [(want.at, number) for number, want in enumerate(wants)]
        heapq.heapify(line)
        done, answers = self.redis.register_script(DONE), list[tuple[int, int]]()
        made: list[tuple[ChatRef, Pace]] = []
        while line[0][0] < end:
            now, number = heapq.heappop(line)
            while answers and answers[0][0] <= now:
                at, call = heapq.heappop(answers)
                _answered(done, at, *made[call])
            want, (chat, talk) = wants[number], talks[number]
            if 0 < want.until <= now:
                wants[number] = talk.send(None)
            elif wait := _ask(script, chat, want, now):
                again = now + min(wait, AGAIN)
                heapq.heappush(line, (min(again, want.until or again), number))
                continue
            else:
                way = of(self.random.uniform(*WAY_SECONDS))
                self.arrivals.append(Arrival(now + way, chat, want.method))
                if want.pace is not None:
                    back = of(self.random.uniform(*WAY_SECONDS))
                    heapq.heappush(answers, (now + way + back, len(made)))
                    made.append((chat, want.pace))
                wants[number] = talk.send(now)
            heapq.heappush(line, (max(now, wants[number].at), number))


def of(seconds: float) -> int:
    """In the budget's microseconds."""
    return round(seconds * SECOND)


def _ask(script: Script, chat: ChatRef, want: Want, now: int) -> int:
    """As the governor asks it."""
    pace = want.pace
    if pace is None:
        return 0
    name = _name(chat, pace)
    names = _keys(chat).of_grant(chat.chat_id, name, pace.meter)
    terms = Terms.of(pace, chat.kind)
    return int(script(names, [name, *astuple(terms), want.call, pace.meter, now]))


def _answered(script: Script, now: int, chat: ChatRef, pace: Pace) -> None:
    """As the governor is told."""
    keys = _keys(chat)
    script([keys.chat(_name(chat, pace)), keys.made(pace.meter)], [pace.meter, now])


def _name(chat: ChatRef, pace: Pace) -> str:
    return f"{chat.chat_id}:{chat.thread_id}" if pace.by_thread else chat.chat_id


def _keys(chat: ChatRef) -> AccountKeys:
    return AccountKeys(chat.channel, chat.account)
