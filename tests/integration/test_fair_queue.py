"""Who is answered next: shares by weight, nobody held up by one person's many, nobody starved."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count

import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from assistant.accounts import Accounts
from assistant.answering.turns import Claimant, Outcome, Turns
from assistant.fair import BACKGROUND, CLOCK, STEP
from assistant.incoming.backlog import Limits
from assistant.incoming.intake import Intake
from assistant.messages import ChatRef, IncomingMessage, Requester
from assistant.storage.database import Database, open_database
from inference.api import ChatMessage, Sampling

ENDLESS = Limits(person_turns=10_000, waiting_turns=10**6, waiting_tokens=10**9)
# A virtual time and a tag, in seconds.
PLACE = f"""
SELECT extract(epoch FROM due_at)::float8 AS tag, extract(epoch FROM {CLOCK})::float8 AS clock,
    first_in IS NOT NULL AS first
FROM turns WHERE id = %(turn)s
"""
numbers = count()


@dataclass(frozen=True, slots=True)
class Asked:
    turn: int
    account: str
    person: str
    ahead: float  # of the virtual time, when it came
    first: bool  # its person had no other then


@dataclass(slots=True)
class Queue:
    """The queue, its one worker, and what was asked."""

    database: Database
    asked: dict[int, Asked] = field(default_factory=dict)

    async def account(self, name: str, weight: float = 1.0) -> int:
        account = await Accounts(self.database).register("web", name, delivered=False)
        values = {"account": account.id, "weight": weight}
        await self.database.rows(
            "UPDATE accounts SET weight = %(weight)s WHERE id = %(account)s", values
        )
        return account.id

    async def ask(self, account: int, name: str, person: str) -> Asked:
        number = str(next(numbers))
        chat = ChatRef("web", name, f"chat-{number}")
        message = IncomingMessage(chat, number, number, person, "", "How are you?")
        stored = await Intake(self.database, ENDLESS).store(account, message, delivered=False)
        return await self._note(stored.turn_id, name, person)

    async def ask_in_background(self, account: int, name: str) -> Asked:
        stored = await Intake(self.database, ENDLESS).store_request(
            account,
            f"request-{next(numbers)}",
            [ChatMessage("user", "Sum it up")],
            Sampling(),
            Requester(),
            background=True,
        )
        return await self._note(stored.turn_id, name, "background")

    async def begin(self) -> Asked | None:
        """The next turn, which is over at once."""
        claimed = await Turns(self.database).claim(Claimant("worker", 10.0, "model"), 1)
        for turn in claimed:
            await Turns(self.database).finish(turn, Outcome("done", "Fine."))
            return self.asked[turn.id]
        return None

    async def drain(self) -> list[Asked]:
        begun = []
        while (one := await self.begin()) is not None:
            begun.append(one)
        return begun

    async def _note(self, turn: int, account: str, person: str) -> Asked:
        (place,) = await self.database.rows(PLACE, {"turn": turn})
        ahead = place.tag - place.clock
        self.asked[turn] = Asked(turn, account, person, ahead, place.first)
        return self.asked[turn]


@pytest_asyncio.fixture
async def queue(database_url: str) -> AsyncIterator[Queue]:
    async with open_database(database_url) as database:
        yield Queue(database)


async def test_two_accounts_are_served_by_their_weights(queue: Queue) -> None:
    for name, weight in (("light", 1.0), ("heavy", 3.0)):
        account = await queue.account(name, weight)
        for number in range(60):
            await queue.ask(account, name, f"{name}-{number % 12}")
    first = Counter([(await queue.begin()).account for _ in range(60)])  # type: ignore[union-attr]
    assert abs(first["light"] - 15) <= 3, first
    assert len(await queue.drain()) == 60


async def test_an_account_of_many_people_takes_nothing_from_one_of_few(queue: Queue) -> None:
    crowd, pair = await queue.account("crowd"), await queue.account("pair")
    for number in range(100):
        await queue.ask(crowd, "crowd", f"one-{number}")
    for number in range(20):
        await queue.ask(pair, "pair", f"two-{number % 2}")
    first = Counter([(await queue.begin()).account for _ in range(20)])  # type: ignore[union-attr]
    assert first["pair"] >= 8, first


async def test_a_thousand_turns_of_one_person_delay_anothers_first_by_few(queue: Queue) -> None:
    account = await queue.account("team")
    for _ in range(1000):
        await queue.ask(account, "team", "greedy")
    for _ in range(5):
        await queue.begin()
    # The model is slow: an hour has gone by, which counts for nothing.
    for table, column in (("turns", "due_at"), ("queue_clocks", "begun_at")):
        await queue.database.rows(f"UPDATE {table} SET {column} = {column} - interval '1 hour'")
    other = await queue.ask(account, "team", "modest")
    begun = [await queue.begin() for _ in range(3)]
    assert other in begun


async def test_a_persons_weight_counts_among_the_people_of_their_account(queue: Queue) -> None:
    account = await queue.account("team")
    people = ("ana", "ben", "eva", "tim")
    for person in people:
        await queue.ask(account, "team", person)
    await queue.database.rows(
        "UPDATE persons SET weight = 2 WHERE id IN ("
        " SELECT person_id FROM identities WHERE platform_id = 'ana')"
    )
    for _ in range(20):
        for person in people:
            await queue.ask(account, "team", person)
    first = Counter([(await queue.begin()).person for _ in range(50)])  # type: ignore[union-attr]
    assert first["ana"] >= 1.5 * first["ben"], first


async def test_who_comes_goes_before_background_work_which_goes_in_its_time(queue: Queue) -> None:
    account = await queue.account("team")
    await queue.begin()
    waiting = await queue.ask_in_background(account, "team")
    overtaken = 0
    while True:
        await queue.ask(account, "team", f"person-{overtaken}")
        if await queue.begin() is waiting:
            break
        overtaken += 1
        assert overtaken <= BACKGROUND / STEP + 2, "it starves"
    assert overtaken >= BACKGROUND / STEP - 2


STEPS = st.lists(
    st.one_of(
        st.just("begin"),
        st.tuples(st.integers(0, 2), st.integers(0, 4)),
        st.tuples(st.integers(0, 2), st.just("background")),
    ),
    min_size=30,
    max_size=80,
)


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS, weights=st.lists(st.sampled_from((0.5, 1.0, 3.0)), min_size=3, max_size=3))
async def test_whatever_comes_after_it_a_turn_is_overtaken_by_so_many_and_no_more(
    queue: Queue, steps: list[object], weights: list[float]
) -> None:
    run = next(numbers)
    names = [f"{run}-{one}" for one in range(3)]
    accounts = [await queue.account(*pair) for pair in zip(names, weights, strict=True)]
    begun = []
    for step in steps:
        if isinstance(step, tuple):
            where, who = step
            if who == "background":
                await queue.ask_in_background(accounts[where], names[where])
            else:
                await queue.ask(accounts[where], names[where], f"{run}-{who}")
        elif (one := await queue.begin()) is not None:
            begun.append(one)
    begun += await queue.drain()
    weight_of = dict(zip(names, weights, strict=True))
    for place, one in enumerate(begun):
        overtaking = [before for before in begun[:place] if before.turn > one.turn]
        # A round's turns are the account's flow, further ones their person's.
        flows = Counter(
            (before.account, before.person == "background" if before.first else before.person)
            for before in overtaking
        )
        for (account, _), turns in flows.items():
            most = 1 + max(one.ahead, 0.0) / (STEP / weight_of[account])
            assert turns <= most + 1e-3, (one, overtaking)


async def test_the_virtual_time_never_goes_back(queue: Queue) -> None:
    account = await queue.account("team")
    for number in range(30):
        await queue.ask(account, "team", f"person-{number % 4}")
    clocks = []
    while await queue.begin() is not None:
        clocks += [row.at for row in await queue.database.rows(f"SELECT {CLOCK} AS at")]
    assert clocks == sorted(clocks) and clocks[0] < clocks[-1]
