"""The script in Redis decides as does the budget in Python, which is tried on flood limits."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from random import Random

import pytest
from redis import Redis

from assistant.channel import Pace
from assistant.outgoing.budget import DONE, GRANT, SECOND, Call, Terms
from assistant.outgoing.local_budget import LocalBudget
from assistant.outgoing.penalties import AccountKeys

KEYS = AccountKeys("telegram", "default")
START = 1_700_000_000 * SECOND
# So few calls a second for so many chats that they wait for the account, and for very long.
PACE, CHATS = Pace(1.1, 3.5, 2.0, 1.2, 3.1), 30
OTHER = Pace(0.8, 0.8, 1.0, account_seconds=3.0, meter="other")  # counted apart
CALLS: tuple[Call, ...] = ("first", "edit", "other", "now", "final")


@dataclass(slots=True)
class Both:
    """Asks the two of them; they must say the same."""

    redis: Redis
    born: int

    def __post_init__(self) -> None:
        self.redis.flushall()
        self.redis.set(KEYS.marker, 1)
        self.redis.hset(KEYS.budget, "born", str(self.born))

    def run(self, random: Random, budgets: Mapping[Pace, LocalBudget], calls: int) -> int:
        """Chats that mostly come back as they are told; returns how often one had to wait."""
        script, waits = self.redis.register_script(GRANT), 0
        done = self.redis.register_script(DONE)
        line = [(START + number, number) for number in range(CHATS)]
        for _ in range(calls):
            now, number = heapq.heappop(line)
            chat, call = str(number), random.choice(CALLS)
            pace = random.choice(list(budgets))
            terms = Terms.of(pace, "group" if number % 3 == 0 else "private")
            values = [chat, *astuple(terms), call, pace.meter, now]
            if random.random() < 0.3:  # the answer to an earlier call
                budgets[pace].done(chat, now)
                done([KEYS.chat(chat), KEYS.made(pace.meter)], [pace.meter, now])
            wait = budgets[pace].ask(chat, terms, now, call)
            assert script(KEYS.of_grant(chat, meter=pace.meter), values) == wait
            waits += wait > 0
            pause = random.randint(0, 2 * SECOND)
            heapq.heappush(
                line, (now + (wait if wait and random.random() < 0.8 else pause), number)
            )
        return waits


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("born", [0, START])
def test_the_script_and_the_local_budget_agree(redis_url: str, seed: int, born: int) -> None:
    with Redis.from_url(redis_url) as redis:
        budgets = {PACE: LocalBudget(born)}
        waits = Both(redis, born).run(Random(seed), budgets, calls=500)
    assert 50 < waits < 490


def test_calls_that_a_platform_counts_apart_have_a_budget_of_their_own(redis_url: str) -> None:
    budgets = {PACE: LocalBudget(0), OTHER: LocalBudget(0)}
    with Redis.from_url(redis_url) as redis:
        assert Both(redis, 0).run(Random(7), budgets, calls=2000) > 50
