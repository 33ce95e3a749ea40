"""The routing kernel: a stable sort by expert."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.kernels.moe.routing import route
from tests.kernels.layers import DEVICE, uniform

FAR = 1 << 33  # its lowest 32 bits are an expert that there is


@pytest.mark.parametrize("experts", [1, 2, 7, 16, 128])
@pytest.mark.parametrize("count", [1, 7, 63, 64, 65, 512])
def test_tokens_are_sorted_by_expert_and_keep_their_order(count: int, experts: int) -> None:
    ids = uniform(count, experts)
    routing = route(ids, experts)
    flat = ids.flatten().cpu()
    assert torch.equal(routing.order.cpu().long(), flat.argsort(stable=True))
    counts = torch.bincount(flat, minlength=experts)
    assert routing.offsets.tolist() == [0, *counts.cumsum(0).tolist(), count]


@pytest.mark.parametrize("chosen", [0, 4])
def test_all_tokens_may_go_to_one_expert(chosen: int) -> None:
    routing = route(torch.full((70, 1), chosen, device=DEVICE), 5)
    assert routing.order.tolist() == list(range(70))
    assert routing.offsets.tolist() == [0] * (chosen + 1) + [70] * (6 - chosen)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-2, 6) | st.just(FAR), max_size=150), st.integers(1, 5))
def test_any_ids_are_sorted_those_of_other_ranks_last(chosen: list[int], experts: int) -> None:
    ids = torch.tensor(chosen, dtype=torch.int64, device=DEVICE).view(-1, 1)
    here = [one if 0 <= one < experts else experts for one in chosen]
    routing = route(ids, experts)
    assert routing.order.tolist() == sorted(range(len(here)), key=here.__getitem__)
    before = [sum(one < expert for one in here) for expert in range(experts + 1)]
    assert routing.offsets.tolist() == [*before, len(here)]
