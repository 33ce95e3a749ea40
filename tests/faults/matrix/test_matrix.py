"""A small part of the matrix, for each run of the tests: each point once on each channel.

`make faults` runs all of it.
"""

from __future__ import annotations

import pytest

from tests.faults.matrix.episode import Case
from tests.faults.matrix.points import POINTS
from tests.faults.matrix.runs import carry_out, cases
from tests.faults.matrix.talk import ScriptedTalk

LANES = 6
FIRST = 0  # the same runs each time
HEAVY = frozenset({"load", "load-gateway", "load-both"})  # one under load is enough here


@pytest.mark.timeout(600)
async def test_nothing_is_lost_and_nothing_answered_twice() -> None:
    chosen = cases(FIRST, sum(len(point.channels) for point in POINTS))
    small: list[Case] = [one for one in chosen if one.point.name not in HEAVY]
    outcomes = await carry_out(small, LANES, lambda outcome, logs: None, ScriptedTalk())
    wrong = [
        "\n".join([f"seed {one.case.seed}, {one.case.point.title}", *one.verdict.notes])
        for one in outcomes
        if not one.clean
    ]
    assert len(outcomes) == len(small)
    assert not wrong, "\n\n".join(wrong)
