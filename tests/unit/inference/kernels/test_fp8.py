"""FP8 weights and inputs."""

import pytest
import torch

from inference.kernels.moe.fp8 import Fp8Weights, quantize_fp8, rounded_per_token


def weight(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("block", [None, (128, 128), (64, 256)])
@pytest.mark.parametrize("shape", [(2, 128, 256), (3, 130, 200)])
def test_rounding_moves_no_weight_by_more_than_a_sixteenth_of_itself(shape, block):
    plain = weight(*shape)
    made = quantize_fp8(plain, block)
    step = made.dequantize().abs().amax() / 448
    assert ((made.dequantize() - plain).abs() <= plain.abs() / 16 + step).all()


def test_a_block_s_scale_is_that_of_its_rows_and_columns():
    values = torch.ones(1, 5, 6).to(torch.float8_e4m3fn)
    scales = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
    found = Fp8Weights(values, scales, (2, 4))[0]
    assert found[:, 0].tolist() == [1, 1, 3, 3, 5]
    assert found[4].tolist() == [5, 5, 5, 5, 6, 6]


def test_scales_of_rows_and_of_a_whole_matrix():
    values = weight(2, 4, 8).to(torch.float8_e4m3fn)
    rows = torch.rand(2, 4, 1) + 1
    assert torch.equal(Fp8Weights(values, rows)[1], values[1].float() * rows[1])
    assert torch.equal(Fp8Weights(values, rows[:, :1])[1], values[1].float() * rows[1, 0])
    assert len(Fp8Weights(values, rows)) == 2


@pytest.mark.parametrize("group", [None, 64])
def test_each_token_is_rounded_by_itself(group):
    x = weight(5, 128) * torch.tensor([1e-6, 1.0, 1e6, 0.0, 3.0])[:, None]
    whole = rounded_per_token(x, group)
    alone = torch.cat([rounded_per_token(row[None], group) for row in x])
    assert torch.equal(whole, alone)
    assert (whole[3] == 0).all()
    assert ((whole - x).norm(dim=1) <= 0.04 * x.norm(dim=1)).all()
    assert not torch.equal(whole, x)


def test_a_group_s_largest_value_stays_as_it_is():
    x = weight(3, 128).double()
    rounded = rounded_per_token(x, 64).view(3, 2, 64)
    largest = x.view(3, 2, 64).abs().argmax(-1, keepdim=True)
    torch.testing.assert_close(rounded.gather(-1, largest), x.view(3, 2, 64).gather(-1, largest))
