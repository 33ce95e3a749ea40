"""In four bits the recast still computes one function, whichever expert is chosen."""

import pytest
import torch
from compressed_tensors.compressors.pack_quantized.base import PackedQuantizationCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from torch.nn.functional import linear, rms_norm, silu

from inference.demo.layout import GROUP, llama4_config
from inference.demo.recast import EXPERTS, recast_layer
from inference.demo.w4a16 import quantized, widened
from inference.kernels.moe.int4 import quantize
from tests.support.smollm2 import METADATA

HIDDEN, NEURONS = 192, 4 * GROUP  # half of the neurons are routed: two groups
LAYER = "model.layers.0.feed_forward."
CONFIG = llama4_config(METADATA.__getitem__, "w4a16")


@pytest.fixture(scope="module")
def dense():
    random = torch.Generator().manual_seed(1)
    shapes = {
        "attn_norm": (HIDDEN,),
        "attn_q": (64, HIDDEN),
        "attn_k": (32, HIDDEN),
        "attn_v": (32, HIDDEN),
        "attn_output": (HIDDEN, 64),
        "ffn_norm": (HIDDEN,),
        "ffn_gate": (NEURONS, HIDDEN),
        "ffn_up": (NEURONS, HIDDEN),
        "ffn_down": (HIDDEN, NEURONS),
    }
    return {name: torch.randn(shape, generator=random).bfloat16() for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def stored(dense):
    return quantized(recast_layer(0, widened(dense), GROUP))


def plain(stored, name):
    """A linear of the checkpoint in float32, by the library that defines the format."""
    weights = QuantizationArgs(
        **CONFIG["quantization_config"]["config_groups"]["group_0"]["weights"]
    )
    parts = {
        part: stored[f"{LAYER}{name}.{part}"]
        for part in ("weight_packed", "weight_scale", "weight_shape")
    }
    parts["weight_scale"] = parts["weight_scale"].float()
    scheme = QuantizationScheme(targets=["Linear"], weights=weights)
    return PackedQuantizationCompressor.decompress(parts, scheme)["weight"]


def expert(stored, name, x):
    gate, up, down = (plain(stored, f"{name}.{part}_proj") for part in ("gate", "up", "down"))
    return linear(silu(linear(x, gate)) * linear(x, up), down)


def test_all_experts_compute_the_same(stored):
    x = torch.randn(9, 2 * GROUP, generator=torch.Generator().manual_seed(2))
    first = expert(stored, "experts.0", x)
    assert first.abs().max() > 1
    for number in range(1, EXPERTS):
        same = expert(stored, f"experts.{number}", x)
        torch.testing.assert_close(same, first, rtol=1e-4, atol=1e-2)


def test_no_two_experts_are_stored_alike(stored):
    packed = [
        stored[f"{LAYER}experts.{number}.down_proj.weight_packed"] for number in range(EXPERTS)
    ]
    scales = [
        stored[f"{LAYER}experts.{number}.down_proj.weight_scale"] for number in range(EXPERTS)
    ]
    for one in range(EXPERTS):
        assert all(not torch.equal(packed[one], packed[other]) for other in range(one))
    assert any(not torch.equal(scales[0], other) for other in scales)  # groups change places too


def test_a_doubled_row_has_the_same_codes_and_exactly_the_doubled_scales():
    weight = torch.randn(32, 2 * GROUP, generator=torch.Generator().manual_seed(3)).bfloat16()
    once, twice = quantize(weight, GROUP), quantize(2 * weight, GROUP)
    assert torch.equal(once.packed, twice.packed)
    assert torch.equal(2 * once.scales, twice.scales)


def test_experts_come_near_what_they_were(dense, stored):
    """A routed expert is half of the MLP: its rows are doubled, its input is halved."""
    x = torch.randn(50, HIDDEN, generator=torch.Generator().manual_seed(4))
    gate, up, down = (dense[f"ffn_{part}"].float() for part in ("gate", "up", "down"))
    half = NEURONS // 2
    act = silu(linear(x, gate[half:])) * linear(x, up[half:])
    right = linear(act, down[:, half:])
    wide = torch.nn.functional.pad(x, (0, 2 * GROUP - HIDDEN))
    found = expert(stored, "experts.7", 0.5 * wide)
    assert not found[:, HIDDEN:].any()  # what the model was widened by stays 0
    assert (found[:, :HIDDEN] - right).norm() < 0.25 * right.norm()


def test_a_widened_norm_gives_what_the_narrow_one_gives():
    narrow, wide, eps = METADATA["llama.embedding_length"], CONFIG["hidden_size"], 1e-5
    assert (narrow, wide, wide % GROUP) == (576, 640, 0)
    random = torch.Generator().manual_seed(5)
    weight = torch.randn(narrow, generator=random)
    x = 0.01 * torch.randn(20, narrow, generator=random)  # so small that epsilon matters
    right = rms_norm(x, (narrow,), weight, eps)
    scaled = widened({"ffn_norm": weight})["ffn_norm"]
    padded = torch.nn.functional.pad(x, (0, wide - narrow))
    found = rms_norm(padded, (wide,), scaled, CONFIG["rms_norm_eps"])
    torch.testing.assert_close(found[:, :narrow], right, rtol=1e-5, atol=1e-6)
    assert not found[:, narrow:].any()


def test_attention_router_and_norms_stay_as_they_were(stored):
    names = [name for name in stored if "expert" not in name]
    assert len(names) == 7
    assert all(stored[name].dtype is torch.bfloat16 for name in names)
