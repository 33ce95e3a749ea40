"""Our kernels, compiled for Hopper without a GPU: what the machine code must have."""

from __future__ import annotations

from functools import cache

import pytest

from inference.kernels.moe.down import down_kernel
from inference.kernels.moe.gate_up import gate_up_kernel
from inference.kernels.moe.tiling import DEFAULT, Cut
from tests.kernels.compiled import Compiled, compiled

KERNELS = {"gate_up": gate_up_kernel, "down": down_kernel}
CUTS = [(name, getattr(tiling, name)) for tiling in DEFAULT for name in KERNELS]


@cache
def made(name: str, form: str, cut: Cut) -> Compiled:
    return compiled(KERNELS[name], name, form, cut)


@pytest.mark.parametrize(
    "name, cut, form",
    [(*one, "int4") for one in CUTS]
    + [(*one, form) for one in CUTS[:2] for form in ("fp8", "plain")],
)
def test_nothing_is_spilled_and_the_tensor_core_multiplies(name: str, cut: Cut, form: str) -> None:
    kernel = made(name, form, cut)
    assert kernel.spilled == 0
    assert kernel.count("HGMMA") >= 8  # 128 columns are eight steps of its sixteen
    assert kernel.count("HMMA") == 0
    assert kernel.shared <= 227 * 1024  # of a multiprocessor


@pytest.mark.parametrize("name, cut", CUTS)
def test_int4_is_copied_in_sixteen_byte_pieces_and_never_as_whole_floats(
    name: str, cut: Cut
) -> None:
    kernel = made(name, "int4", cut)
    assert kernel.count("LDGSTS.E.BYPASS.128") >= 2
    assert kernel.count("LDL", "STL") == 0
    # Codes become numbers two at a time: one logical operation, and one subtraction, for a pair.
    assert kernel.count("HADD2.BF16") >= 32
    assert kernel.count("I2F") == 0
