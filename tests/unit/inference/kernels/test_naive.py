"""The naive kernel against one token and one expert at a time, in fp64."""

from dataclasses import replace

import pytest
import torch

from inference.kernels.moe.fp8 import quantize_fp8, rounded_per_token
from inference.kernels.moe.int4 import quantize
from inference.kernels.moe.naive import naive_layer, naive_moe, top_1


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


@pytest.mark.parametrize("missing", [-1, 5, 2**40])
@pytest.mark.parametrize("tokens", [1, 9])
def test_a_token_whose_expert_is_on_another_rank_adds_nothing(tokens, missing):
    x, w13, w2, weights, ids = case(tokens, experts=5, hidden=8, inter=6)
    whole = naive_moe(x, w13, w2, weights, ids, apply_router_weight_on_input=True)
    ids = ids.clone()
    ids[::2] = missing
    found = naive_moe(x, w13, w2, weights, ids, apply_router_weight_on_input=True)
    assert (found[::2] == 0).all()
    torch.testing.assert_close(found[1::2], whole[1::2])


def layer(tokens, experts=7, hidden=24, inter=16, shared=20):
    random = torch.Generator().manual_seed(tokens)
    shapes = {
        "hidden_states": (tokens, hidden),
        "router": (experts, hidden),
        "w13": (experts, 2 * inter, hidden),
        "w2": (experts, hidden, inter),
        "shared_w13": (2 * shared, hidden),
        "shared_w2": (hidden, shared),
    }
    return {
        name: torch.randn(shape, generator=random, dtype=torch.float64) / 4
        for name, shape in shapes.items()
    }


def layer_one_by_one(hidden_states, router, w13, w2, shared_w13, shared_w2):
    out = []
    for row in hidden_states:
        logits = router @ row
        expert = int(logits.argmax())
        weight = 1 / (1 + torch.exp(-logits[expert]))
        routed = half_by_half(weight * row, w13[expert], w2[expert])
        out.append(routed + half_by_half(row, shared_w13, shared_w2))
    return torch.stack(out) if out else torch.zeros_like(hidden_states)


def half_by_half(row, w13, w2):
    gate, up = w13[: len(w13) // 2] @ row, w13[len(w13) // 2 :] @ row
    return w2 @ (gate / (1 + torch.exp(-gate)) * up)


@pytest.mark.parametrize("tokens", [0, 1, 7, 63])
def test_a_whole_layer_is_router_routed_and_shared_expert(tokens):
    given = layer(tokens)
    torch.testing.assert_close(naive_layer(**given), layer_one_by_one(**given))


def test_in_float32_a_layer_is_what_it_is_in_float64_but_for_rounding():
    exact = layer(63)
    single = naive_layer(**{name: one.float() for name, one in exact.items()})
    assert single.dtype == torch.float32
    gap = (single.double() - naive_layer(**exact)).norm() / naive_layer(**exact).norm()
    assert gap < 1e-6


def test_the_router_s_weight_keeps_the_digits_that_bf16_lacks():
    logits = torch.tensor([[0.125, 0.5, -1.0]]).bfloat16()
    weights, ids = top_1(logits)
    assert weights.dtype == torch.float32 and ids.tolist() == [[1]]
    assert weights.item() == pytest.approx(0.6224593, abs=1e-7)
    assert top_1(logits.double())[0].dtype == torch.float64


@pytest.mark.parametrize("weight_format", ["int4", "int4 with zeros", "fp8", "fp8 in blocks"])
def test_quantized_experts_in_a_layer_compute_what_their_plain_weights_do(weight_format):
    given = layer(9, hidden=256, inter=128)

    def quantized(weight):
        if weight_format.startswith("int4"):
            return quantize(weight, 128, symmetric=weight_format == "int4")
        made = quantize_fp8(weight, (128, 128) if "blocks" in weight_format else None)
        return replace(made, scales=made.scales.double())

    w13, w2 = quantized(given["w13"]), quantized(given["w2"])
    plain = given | {"w13": w13.dequantize(), "w2": w2.dequantize()}
    torch.testing.assert_close(
        naive_layer(**(given | {"w13": w13, "w2": w2})), layer_one_by_one(**plain)
    )


def test_inputs_rounded_to_fp8_are_rounded_before_both_halves():
    x, w13, w2, weights, ids = case(6, experts=3, hidden=32, inter=16)
    found = naive_moe(
        x,
        w13,
        w2,
        weights,
        ids,
        apply_router_weight_on_input=True,
        round_inputs=rounded_per_token,
    )
    for token in range(6):
        expert = int(ids[token])
        gate, up = (w13[expert] @ rounded_per_token(x[token] * weights[token])).chunk(2)
        act = rounded_per_token(gate * torch.sigmoid(gate) * up)
        torch.testing.assert_close(found[token], w2[expert] @ act)
