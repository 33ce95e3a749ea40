from __future__ import annotations

from dataclasses import replace

import pytest

from inference.plan.compare import compare
from inference.plan.measured import Measured
from tests.support.planned import plan

PLAN = plan("w4a16")
AS_PLANNED = Measured(
    weights_bytes=PLAN.weights.card_bytes,
    cache_bytes=PLAN.cache_bytes,
    cache_token_bytes=12 * 2 * 8 * 128,
    block_tokens=16,
    capacity_tokens=PLAN.capacity_tokens,
    max_model_len=PLAN.max_model_len,
)


def test_what_is_as_planned_is_one_line_with_the_figures():
    found = compare(PLAN, AS_PLANNED)
    assert found.holds
    assert found.line.startswith("The engine is as planned (within 5%): weights 60.4 GiB, ")
    assert "\n" not in found.line


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("weights_bytes", "weights"),
        ("cache_bytes", "KV cache"),
        ("cache_token_bytes", "KV cache of a token"),
        ("capacity_tokens", "room for"),
        ("max_model_len", "longest context"),
    ],
)
def test_each_figure_that_is_off_by_more_than_a_twentieth_is_named_with_both(name, label):
    close = int(getattr(AS_PLANNED, name) * 1.04)
    assert compare(PLAN, replace(AS_PLANNED, **{name: close})).holds
    for share, shown in ((1.07, "(+7%)"), (0.93, "(-7%)")):
        off = replace(AS_PLANNED, **{name: int(getattr(AS_PLANNED, name) * share)})
        found = compare(PLAN, off)
        assert not found.holds
        assert found.line.startswith(f"The engine differs from its plan: {label} ")
        assert "planned" in found.line
        assert shown in found.line
        assert found.line.count("planned") == 1, "the others hold"
