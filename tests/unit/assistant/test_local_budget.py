"""The outbound budget on a simulated clock, against the flood limits of the fake Telegram."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.channel import Pace
from assistant.outgoing.budget import CHAT_BURST, KEPT, SECOND, Call, Terms
from assistant.outgoing.local_budget import Closures, LocalBudget
from bots.telegram.channel import PACE
from tests.fakes.telegram.flood import FloodControl, Limits

PRIVATE, GROUP = Terms.of(PACE, "private"), Terms.of(PACE, "group")
RESTED = -3600 * SECOND  # long before anything is asked
START = 1000 * SECOND


@dataclass
class Telegram:
    """The fake's flood limits, and a budget that decides what reaches them."""

    now: int = START
    budget: LocalBudget = field(default_factory=lambda: LocalBudget(RESTED))
    asked: int = 0
    granted: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.flood = FloodControl(Limits(), lambda: self.now / SECOND)

    def ask(self, chat: int, call: Call = "edit") -> int:
        """Raises Refused when the budget grants what Telegram doesn't."""
        self.asked += 1
        terms = PRIVATE if chat > 0 else GROUP
        wait = self.budget.ask(str(chat), terms, self.now, call)
        if wait == 0:
            self.flood.check(chat)
            self.granted[chat] += 1
        return wait


@dataclass
class Replies:
    """Chats in which a reply is written: posted, edited as often as may be, and ended."""

    telegram: Telegram
    ends: dict[int, int]  # when each chat's reply ends, microseconds
    stops: bool = False  # short of the ends, while all are written
    ended: dict[int, int] = field(default_factory=dict)
    edited: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def run(self) -> None:
        telegram = self.telegram
        line = [(telegram.now, chat) for chat in self.ends]
        heapq.heapify(line)
        while line:
            telegram.now, chat = heapq.heappop(line)
            final = telegram.now >= self.ends[chat]
            if final and self.stops:
                return
            wait = telegram.ask(chat, "final" if final else "edit")
            if wait == 0 and final:
                self.ended[chat] = telegram.now
                continue
            if wait == 0:
                self.edited[chat].append(telegram.now)
            # The reply's end does not wait for an edit's turn.
            due = telegram.now + max(wait, 1)
            heapq.heappush(
                line, (due if final else min(due, max(self.ends[chat], due - wait + 1)), chat)
            )

    def late(self) -> Iterator[float]:
        """How long each end waited, in seconds."""
        return ((at - self.ends[chat]) / SECOND for chat, at in self.ended.items())


calls = st.lists(
    st.tuples(
        st.integers(0, 1500),  # milliseconds since the call before
        st.sampled_from([1, 2, 3, -1]),
        st.booleans(),  # the last edit of a reply
        st.booleans(),  # waits as it was told, else comes back when it likes
    ),
    max_size=300,
)


@given(calls)
@settings(deadline=None)
def test_whatever_is_granted_telegram_takes(sequence: list[tuple[int, int, bool, bool]]) -> None:
    telegram = Telegram()
    for gap, chat, final, patient in sequence:
        telegram.now += gap * 1000
        while (wait := telegram.ask(chat, "final" if final else "other")) and patient:
            telegram.now += wait


@given(st.sampled_from([1, -1]), st.lists(st.booleans(), min_size=1, max_size=20))
@settings(deadline=None, max_examples=25)
def test_a_chat_that_never_rests_is_never_refused(chat: int, finals: list[bool]) -> None:
    telegram = Telegram()
    for number in range(300):
        while wait := telegram.ask(chat, "final" if finals[number % len(finals)] else "other"):
            telegram.now += wait


@given(st.lists(st.integers(0, 400), min_size=30, max_size=100), st.integers(1, 12))
@settings(deadline=None)
def test_a_budget_that_forgot_everything_grants_nothing_that_telegram_refuses(
    gaps: list[int], forgets_each: int
) -> None:
    telegram = Telegram()
    for number, gap in enumerate(gaps):
        telegram.now += gap * 1000
        if number % forgets_each == 0:
            telegram.budget = LocalBudget(telegram.now)
        for chat in (1, 2, -1):
            telegram.ask(chat, "final")


@given(
    st.lists(st.integers(0, 20_000), min_size=40, max_size=120),
    st.integers(1, 4),
    st.integers(0, 5_000),
)
@settings(deadline=None, max_examples=25)
def test_many_chats_at_full_speed_never_exceed_the_account(
    ends: list[int], groups: int, pause: int
) -> None:
    telegram = Telegram()
    for _ in range(2):
        Replies(
            telegram,
            {
                (-number if number % 5 < groups else number): telegram.now + end * 1000
                for number, end in enumerate(ends, start=1)
            },
        ).run()
        telegram.now += pause * 1000


def test_a_hundred_replies_that_end_at_once_all_end_within_one_interval_of_edits() -> None:
    telegram = Telegram()
    replies = Replies(telegram, dict.fromkeys(range(1, 101), START + 30 * SECOND))
    replies.run()
    interval = 100 * PRIVATE.account_interval * 5 / 4 / SECOND
    assert len(replies.ended) == 100
    assert max(replies.late()) <= interval


@given(st.lists(st.integers(20_000, 40_000), min_size=100, max_size=100))
@settings(deadline=None, max_examples=10)
def test_ends_among_a_hundred_busy_chats_hardly_wait(ends: list[int]) -> None:
    replies = Replies(Telegram(), {n: START + end * 1000 for n, end in enumerate(ends, start=1)})
    replies.run()
    at_once = max(Counter(ends).values())
    full = PRIVATE.window / SECOND  # of edits, when it ends
    assert max(replies.late()) <= full + at_once * PRIVATE.account_interval / SECOND


def test_no_chat_of_a_hundred_starves() -> None:
    telegram = Telegram()
    replies = Replies(telegram, dict.fromkeys(range(1, 101), START + 120 * SECOND))
    replies.run()
    interval = 100 * PRIVATE.account_interval * 5 // 4
    for edits in replies.edited.values():
        pauses = [later - earlier for earlier, later in pairwise(edits)]
        assert max(pauses[1:]) <= 1.2 * interval


def test_a_first_reply_among_a_hundred_busy_chats_is_posted_almost_at_once() -> None:
    telegram = Telegram()
    Replies(telegram, dict.fromkeys(range(1, 101), START + 60 * SECOND), stops=True).run()
    assert telegram.ask(1000) <= PRIVATE.window // 3


def test_waiting_in_a_crowd_is_not_polling() -> None:
    telegram = Telegram()
    Replies(telegram, dict.fromkeys(range(1, 101), START + 60 * SECOND)).run()
    assert telegram.asked <= 3 * telegram.granted.total()


def test_an_edits_turn_leaves_room_for_the_end_at_once() -> None:
    budget = LocalBudget(RESTED)
    for _ in range(CHAT_BURST - KEPT["chat"]):
        assert budget.ask("a", PRIVATE, START) == 0
    assert budget.ask("a", PRIVATE, START) == PRIVATE.chat_interval
    assert budget.ask("a", PRIVATE, START, "final") == 0
    assert budget.ask("a", PRIVATE, START, "final") == PRIVATE.chat_interval


def test_an_end_comes_before_the_edits_that_wait_for_the_account() -> None:
    budget, slow = LocalBudget(RESTED), Terms.of(Pace(0.001, 0.001, 9.0), "private")
    for chat in range(slow.account_calls):
        assert budget.ask(str(chat), slow, START + chat, "final") == 0
    now = START + slow.account_calls
    waits = [budget.ask(f"edit {number}", slow, now) for number in range(3)]
    assert waits == sorted(set(waits))
    assert budget.ask("end", slow, now, "final") == START + slow.window - now < waits[0]


def test_a_window_holds_no_more_than_its_calls_and_they_may_come_at_once() -> None:
    budget, terms = LocalBudget(RESTED), Terms.of(Pace(0.001, 0.001, 20.0), "private")
    at_once = [budget.ask(str(chat), terms, START, "now") == 0 for chat in range(40)]
    assert sum(at_once) == terms.account_calls - KEPT["account"] == 17
    for chat in ("end", "another end"):
        assert budget.ask(chat, terms, START, "final") == 0
    assert budget.ask("later", terms, START + terms.window - 1, "final") == 1
    assert budget.ask("later", terms, START + terms.window, "final") == 0


def test_a_call_counts_from_its_answer_on_since_it_arrived_by_then() -> None:
    budget, terms = LocalBudget(RESTED), Terms.of(Pace(0.001, 0.001, 1.0), "private")
    assert budget.ask("a", terms, START, "final") == 0
    budget.done("a", START + SECOND // 2)
    assert budget.ask("b", terms, START + terms.window, "final") == SECOND // 2


def test_who_would_not_wait_takes_nobodys_turn() -> None:
    budget, pace = LocalBudget(RESTED), Terms(SECOND // 10, SECOND, SECOND, account_calls=4)
    for chat in range(pace.account_calls):
        assert budget.ask(f"spent {chat}", pace, START + chat, "final") == 0
    waits = [budget.ask(str(chat), pace, START, "now") for chat in range(10)]
    first, second = (budget.ask(chat, pace, START) for chat in ("a", "b"))
    # The calls before came a microsecond apart; one is kept for an end.
    window = pace.window
    assert (set(waits), first, second) == ({window + 1}, window + 1, window + 2)


def test_chats_do_not_wait_for_each_other() -> None:
    budget = LocalBudget(RESTED)
    while budget.ask("a", PRIVATE, START) == 0:
        pass
    later = START + SECOND // 10
    assert budget.ask("a", PRIVATE, later) > 0
    assert budget.ask("b", PRIVATE, later) == 0


def test_a_chat_that_another_process_had_is_not_rested() -> None:
    budget = LocalBudget(RESTED)
    budget.spend("a", PRIVATE, START)
    assert budget.ask("a", PRIVATE, START, "final") == PRIVATE.chat_interval


def test_a_shorter_penalty_does_not_end_a_longer_one() -> None:
    now = 100.0
    closures = Closures(lambda: now)
    closures.close("a", 30.0)
    closures.close("a", 1.0)
    now = 129.0
    assert closures.seconds("a", "b") == 1.0
    now = 130.0
    assert closures.seconds("a", "b") == 0.0


def test_an_account_of_which_nothing_is_known_has_no_burst_either() -> None:
    slow, budget = Terms.of(Pace(0.1, 0.1, 1.0), "private"), LocalBudget(START)
    later = START + slow.chat_interval
    assert budget.ask("a", slow, later, "final") == slow.account_interval - slow.chat_interval


def test_what_is_not_known_comes_back_evenly() -> None:
    budget, terms = LocalBudget(START), Terms.of(Pace(0.001, 0.001, 20.0), "private")
    now, granted = START, 0
    while now < START + terms.window:
        granted += budget.ask(f"chat {granted}", terms, now, "final") == 0
        now += SECOND // 1000
    assert granted == terms.account_calls - 1
