"""When an engine counts as stuck."""

from __future__ import annotations

from inference.api import EngineStatistics
from inference.stillness import Stillness


def looked(stillness: Stillness, seen: list[EngineStatistics]) -> list[bool]:
    """One look a second."""
    return [stillness.stuck(one, float(second)) for second, one in enumerate(seen)]


def at_step(steps: int | None, requests: int = 1) -> EngineStatistics:
    return EngineStatistics(requests_running=requests, steps=steps)


def test_an_engine_that_makes_no_step_while_answers_wait_is_stuck_after_its_time() -> None:
    assert looked(Stillness(3.0), [at_step(7)] * 5) == [False, False, False, True, True]


def test_an_engine_that_nobody_asks_is_never_stuck() -> None:
    assert not any(looked(Stillness(3.0), [at_step(7, requests=0)] * 20))


def test_one_step_for_anybody_begins_the_time_anew() -> None:
    seen = [at_step(1), at_step(1), at_step(1), at_step(2), at_step(2), at_step(2)]
    assert not any(looked(Stillness(3.0), seen))


def test_time_without_work_does_not_count_for_the_request_that_comes_after_it() -> None:
    seen = [at_step(1, requests=0)] * 10 + [at_step(1)] * 3
    assert looked(Stillness(3.0), seen)[-3:] == [False, False, True]


def test_who_stood_still_itself_does_not_call_the_engine_stuck() -> None:
    stillness = Stillness(30.0)
    assert not stillness.stuck(at_step(1), 0.0)
    assert not stillness.stuck(at_step(1), 500.0), "no look in between: it was our own loop"


def test_zero_and_an_engine_that_cannot_tell_are_never_stuck() -> None:
    assert not any(looked(Stillness(0.0), [at_step(7)] * 20))
    assert not any(looked(Stillness(3.0), [at_step(None)] * 20))
