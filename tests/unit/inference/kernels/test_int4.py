"""Int4 weights against the library that defines their format."""

import pytest
import torch
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32, unpack_from_int32

from inference.kernels.moe.int4 import Int4Weights, pack, quantize, unpack
from inference.kernels.moe.naive import naive_moe


def weight(*shape, dtype=torch.float32):
    random = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=random).to(dtype)


def test_packed_is_as_the_library_packs():
    values = torch.randint(0, 16, (24, 64), generator=torch.Generator().manual_seed(1))
    theirs = pack_to_int32((values - 8).to(torch.int8), 4)
    assert torch.equal(pack(values), theirs)
    assert torch.equal(unpack(theirs), values)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dequantized_is_as_the_format_says(symmetric, dtype):
    packed = quantize(weight(16, 192, dtype=dtype), 64, symmetric=symmetric)
    values = unpack_from_int32(packed.packed, 4, torch.Size((16, 192))).to(dtype)
    zeros = torch.zeros(16, 3)
    if not symmetric:
        zeros = unpack_from_int32(packed.zero_points, 4, torch.Size((16, 3)), packed_dim=0)
    right = torch.stack(
        [
            (values[:, column] - zeros[:, column // 64].to(dtype)) * packed.scales[:, column // 64]
            for column in range(192)
        ],
        dim=1,
    )
    assert torch.equal(packed.dequantize(), right)


@pytest.mark.parametrize("symmetric", [True, False])
def test_quantizing_moves_no_weight_by_more_than_half_a_step(symmetric):
    shifted = weight(8, 256) + (0 if symmetric else 1.5)
    packed = quantize(shifted, 128, symmetric=symmetric)
    step = packed.scales.repeat_interleave(128, 1)
    assert ((packed.dequantize() - shifted).abs() <= step * 0.501).all()


def test_zero_points_make_finer_steps_where_weights_lie_to_one_side():
    shifted = weight(8, 256).abs()
    errors = [
        (quantize(shifted, 128, symmetric=symmetric).dequantize() - shifted).abs().mean()
        for symmetric in (True, False)
    ]
    assert errors[1] < 0.6 * errors[0]


def test_a_group_of_zeros_stays_zero():
    for symmetric in (True, False):
        assert (quantize(torch.zeros(8, 128), 64, symmetric=symmetric).dequantize() == 0).all()


def test_what_is_not_in_whole_groups_is_refused_in_words():
    with pytest.raises(ValueError, match="whole groups of 128"):
        quantize(weight(8, 192), 128)
    with pytest.raises(ValueError, match="pad them to 8"):
        pack(torch.zeros(3, 12, dtype=torch.int32))


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("tokens", [0, 1, 7, 63])
def test_experts_in_int4_compute_what_their_plain_weights_do(symmetric, tokens):
    experts, hidden, inter = 5, 32, 48
    w13 = quantize(weight(experts, 2 * inter, hidden), 16, symmetric=symmetric)
    w2 = quantize(weight(experts, hidden, inter), 16, symmetric=symmetric)
    random = torch.Generator().manual_seed(tokens)
    ids = torch.randint(0, experts, (tokens, 1), generator=random)
    x, scores = torch.randn(tokens, hidden, generator=random), torch.rand(tokens, 1)
    plain = (w13.dequantize(), w2.dequantize())
    ours = naive_moe(x, w13, w2, scores, ids, apply_router_weight_on_input=True)
    right = naive_moe(x, *plain, scores, ids, apply_router_weight_on_input=True)
    assert torch.equal(ours, right)


def test_an_experts_matrix_is_its_own():
    packed = quantize(weight(3, 8, 64), 32, symmetric=False)
    whole = packed.dequantize()
    assert len(packed) == 3
    assert all(torch.equal(packed[expert], whole[expert]) for expert in range(3))
    alone = Int4Weights(packed.packed[1], packed.scales[1], packed.zero_points[1])
    assert torch.equal(alone.dequantize(), whole[1])
