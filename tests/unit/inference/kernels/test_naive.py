"""The naive kernel against one token and one expert at a time, in fp64."""

import pytest
import torch

from inference.kernels.moe.naive import naive_moe


def one_by_one(x, w13, w2, weights, ids, on_input):
    out = torch.zeros_like(x)
    for token in range(len(x)):
        for slot in range(ids.shape[1]):
            expert, weight = int(ids[token, slot]), weights[token, slot]
            row = x[token] * weight if on_input else x[token]
            gate, up = (w13[expert] @ row).chunk(2)
            y = w2[expert] @ (gate * torch.sigmoid(gate) * up)
            out[token] += y if on_input else weight * y
    return out


def case(tokens, experts, hidden, inter, top_k=1, only=None):
    random = torch.Generator().manual_seed(tokens + experts)
    make = lambda *shape: torch.randn(shape, generator=random, dtype=torch.float64)  # noqa: E731
    ids = torch.stack([torch.randperm(experts, generator=random)[:top_k] for _ in range(tokens)])
    ids = ids if only is None else torch.full((tokens, 1), only)
    weights = torch.rand((tokens, ids.shape[1]), generator=random, dtype=torch.float64)
    return (
        make(tokens, hidden),
        make(experts, 2 * inter, hidden),
        make(experts, hidden, inter),
        weights,
        ids,
    )


@pytest.mark.parametrize("on_input", [True, False])
@pytest.mark.parametrize("top_k", [1, 3])
@pytest.mark.parametrize("tokens", [1, 7, 63])
def test_it_equals_one_token_and_one_expert_at_a_time(tokens, top_k, on_input):
    inputs = case(tokens, experts=13, hidden=17, inter=11, top_k=top_k)
    right = one_by_one(*inputs, on_input)
    torch.testing.assert_close(naive_moe(*inputs, apply_router_weight_on_input=on_input), right)


def test_all_tokens_on_one_expert():
    inputs = case(20, experts=5, hidden=8, inter=6, only=4)
    right = one_by_one(*inputs, True)
    torch.testing.assert_close(naive_moe(*inputs, apply_router_weight_on_input=True), right)


def test_no_token_gives_no_row():
    x, w13, w2, _, _ = case(1, experts=5, hidden=8, inter=6)
    empty = naive_moe(
        x[:0],
        w13,
        w2,
        torch.zeros(0, 1),
        torch.zeros(0, 1).long(),
        apply_router_weight_on_input=True,
    )
    assert empty.shape == (0, 8)


def test_an_expert_that_no_token_chose_is_not_read():
    inputs = case(9, experts=5, hidden=8, inter=6, only=2)
    inputs[1][[0, 1, 3, 4]] = float("nan")
    inputs[2][[0, 1, 3, 4]] = float("nan")
    assert naive_moe(*inputs, apply_router_weight_on_input=True).isfinite().all()
