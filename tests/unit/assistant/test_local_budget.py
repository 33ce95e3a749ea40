"""The budget of one process, for the time that Redis is away."""

from __future__ import annotations

from assistant.governor import BURST, LocalBudget


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_rested_chat_has_a_burst_and_then_one_call_an_interval() -> None:
    clock = Clock()
    budget = LocalBudget(clock)
    assert [budget.wait_seconds("a", 1.0) for _ in range(BURST)] == [0.0] * BURST
    assert budget.wait_seconds("a", 1.0) == 1.0
    clock.now += 1.0
    assert budget.wait_seconds("a", 1.0) == 0.0
    assert budget.wait_seconds("a", 1.0) == 1.0


def test_chats_do_not_wait_for_each_other() -> None:
    budget = LocalBudget(Clock())
    for _ in range(BURST):
        budget.wait_seconds("a", 1.0)
    assert budget.wait_seconds("b", 1.0) == 0.0


def test_nothing_is_granted_inside_a_penalty_and_something_after_it() -> None:
    clock = Clock()
    budget = LocalBudget(clock)
    budget.close("a", 30.0)
    clock.now += 29.9
    assert budget.wait_seconds("a", 1.0) > 0
    clock.now += 1.2
    assert budget.wait_seconds("a", 1.0) == 0.0
