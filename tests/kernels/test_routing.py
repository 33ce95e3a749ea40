"""The routing kernel: a stable sort by expert."""

from __future__ import annotations

import pytest
import torch

from inference.kernels.moe.routing import route
from tests.kernels.layers import DEVICE, uniform


@pytest.mark.parametrize("experts", [1, 2, 7, 16, 128])
@pytest.mark.parametrize("count", [1, 7, 63, 64, 65, 512])
def test_tokens_are_sorted_by_expert_and_keep_their_order(count: int, experts: int) -> None:
    ids = uniform(count, experts)
    routing = route(ids, experts)
    flat = ids.flatten().cpu()
    assert torch.equal(routing.order.cpu().long(), flat.argsort(stable=True))
    counts = torch.bincount(flat, minlength=experts)
    assert routing.offsets.tolist() == [0, *counts.cumsum(0).tolist()]


@pytest.mark.parametrize("chosen", [0, 4])
def test_all_tokens_may_go_to_one_expert(chosen: int) -> None:
    routing = route(torch.full((70, 1), chosen, device=DEVICE), 5)
    assert routing.order.tolist() == list(range(70))
    assert routing.offsets.tolist() == [0] * (chosen + 1) + [70] * (5 - chosen)
