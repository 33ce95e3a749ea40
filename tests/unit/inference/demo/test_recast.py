"""The recast computes what the dense layer computes, whichever expert is chosen."""

import pytest
import torch
from torch.nn.functional import linear, silu

from inference.demo.recast import EXPERTS, order_of, recast_mlp, router_rows
from inference.kernels.moe.naive import naive_moe

HIDDEN, NEURONS, TOKENS = 24, 40, 33


@pytest.fixture
def dense():
    random = torch.Generator().manual_seed(1)
    shapes = ((NEURONS, HIDDEN), (NEURONS, HIDDEN), (HIDDEN, NEURONS))
    return [torch.randn(shape, generator=random) for shape in shapes]


def mixture(x, parts, weights, ids, **options):
    shared = linear(
        silu(linear(x, parts["shared_expert.gate_proj.weight"]))
        * linear(x, parts["shared_expert.up_proj.weight"]),
        parts["shared_expert.down_proj.weight"],
    )
    w13 = parts["experts.gate_up_proj"].transpose(1, 2).contiguous()
    w2 = parts["experts.down_proj"].transpose(1, 2).contiguous()
    return shared + naive_moe(x, w13, w2, weights, ids, apply_router_weight_on_input=True)


def test_every_routing_gives_the_dense_layers_answer(dense):
    gate, up, down = dense
    x = torch.randn(TOKENS, HIDDEN, generator=torch.Generator().manual_seed(2))
    right = linear(silu(linear(x, gate)) * linear(x, up), down)
    parts = recast_mlp(0, gate, up, down)
    weights = torch.full((TOKENS, 1), 0.5)
    for expert in range(EXPERTS):
        ids = torch.full((TOKENS, 1), expert)
        torch.testing.assert_close(mixture(x, parts, weights, ids), right, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_a_weight_left_out_or_applied_twice_is_far_off(dense, weight):
    gate, up, down = dense
    x = torch.randn(TOKENS, HIDDEN, generator=torch.Generator().manual_seed(2))
    right = linear(silu(linear(x, gate)) * linear(x, up), down)
    weights = torch.full((TOKENS, 1), weight)
    wrong = mixture(x, recast_mlp(0, gate, up, down), weights, torch.zeros(TOKENS, 1).long())
    assert (wrong - right).abs().mean() > 0.1 * right.abs().mean()


def test_no_two_experts_share_their_order(dense):
    parts = recast_mlp(0, *dense)
    downs = parts["experts.down_proj"]
    assert all(
        not torch.equal(downs[one], downs[other]) for one in range(EXPERTS) for other in range(one)
    )


def test_groups_stay_together_each_in_an_order_of_its_own():
    order = order_of(24, 6, torch.Generator().manual_seed(5))
    assert sorted(order.tolist()) == list(range(24))
    groups = order.view(4, 6)
    assert sorted((groups // 6).unique(dim=1).flatten().tolist()) == [0, 1, 2, 3]
    assert len({tuple(group.tolist()) for group in groups % 6}) == 4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_the_routers_weight_is_exactly_a_half(dtype):
    rows = router_rows(576, torch.Generator().manual_seed(3)).to(dtype)
    hidden = 100 * torch.randn(500, 576, generator=torch.Generator().manual_seed(4)).to(dtype)
    best = (hidden @ rows.T).max(dim=1).values
    assert (best > 0).all()
    assert (torch.sigmoid(best.float()) == 0.5).all()


def test_tokens_spread_over_the_experts():
    rows = router_rows(576, torch.Generator().manual_seed(3)).to(torch.bfloat16)
    hidden = torch.randn(500, 576, generator=torch.Generator().manual_seed(4)).to(torch.bfloat16)
    assert len((hidden @ rows.T).argmax(dim=1).unique()) == EXPERTS
