"""Our kernels, compiled for Hopper without a GPU: what the machine code must have."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from inference.kernels.moe.tiling import Cut, Tiling
from tests.kernels.compiled import KERNELS, Compiled, compiled, shipped

SHARED = 227 * 1024  # bytes that a block may have of a multiprocessor's
ISSUED = 4.4  # instructions of a thread that an H100 can issue for each code that it reads


def distinct() -> list[tuple[str, Tiling]]:
    """Each kernel of each shipped table once: the other kernel's cut is nothing to it."""
    found = {}
    for tiling in (one for table in shipped().values() for one in table):
        for name in KERNELS:
            other = "down" if name == "gate_up" else "gate_up"
            found[name, replace(tiling, most_tokens=1, **{other: Cut()})] = None
    return list(found)


def called(value: object) -> str:
    if not isinstance(value, Tiling):
        return str(value)
    cut = max(value.gate_up, value.down, key=lambda one: one != Cut())
    flags = f"{'-direct' * value.direct}{'-overlap' * value.overlap}"
    return f"{cut.rows}x{cut.tokens}x{cut.splits}-{cut.warps}w{cut.stages}s{flags}"


@cache
def made(name: str, tiling: Tiling, form: str = "int4") -> Compiled:
    return compiled(KERNELS[name], name, form, tiling)


@pytest.mark.parametrize("name, tiling", distinct(), ids=called)
def test_every_shipped_cut_spills_nothing_and_multiplies_on_the_tensor_core(
    name: str, tiling: Tiling
) -> None:
    kernel = made(name, tiling)
    assert kernel.spilled == 0
    assert kernel.count("LDL", "STL") == 0
    assert kernel.count("HGMMA") >= 8  # 128 columns are eight steps of its sixteen
    assert kernel.count("HMMA") == 0
    assert kernel.shared <= SHARED


@pytest.mark.parametrize("name, tiling", distinct(), ids=called)
def test_int4_is_copied_in_sixteen_byte_pieces_and_becomes_numbers_in_pairs(
    name: str, tiling: Tiling
) -> None:
    kernel = made(name, tiling)
    assert kernel.count("LDGSTS.E.BYPASS.128") >= 2
    # One logical operation, and one subtraction, for a pair of codes.
    assert kernel.count("HADD2.BF16") >= 32
    assert kernel.count("I2F") == 0


@pytest.mark.parametrize(
    "name, tiling", [one for one in distinct() if getattr(one[1], one[0]).tokens == 16], ids=called
)
def test_with_few_tokens_the_loop_issues_less_than_the_card_can(name: str, tiling: Tiling) -> None:
    cut: Cut = getattr(tiling, name)
    codes = cut.rows * 128 / (32 * cut.warps)  # of a thread, in one turn of the loop
    assert 0 < made(name, tiling).loop / codes < ISSUED


@pytest.mark.parametrize("form", ["fp8", "plain"])
@pytest.mark.parametrize("name", KERNELS)
def test_other_formats_spill_nothing_either(name: str, form: str) -> None:
    kernel = made(name, Tiling(1, Cut(), Cut(splits=4), direct=True), form)
    assert kernel.spilled == 0
    assert kernel.count("HGMMA") >= 8
    assert kernel.shared <= SHARED


@pytest.mark.parametrize("name", KERNELS)
def test_an_overlapping_launch_waits_for_the_one_before_it(name: str) -> None:
    """ACQBULK is the machine's `griddepcontrol.wait`; the down projection's weights come ahead."""
    tiling = Tiling(1, Cut(splits=2), Cut(splits=4), direct=True, overlap=True)
    kernel = made(name, tiling)
    assert kernel.spilled == 0
    assert kernel.count("ACQBULK") == 1
    assert kernel.count("PREEXIT") >= 1
    assert (kernel.count("CCTL.E.PF2") > 0) == (name == "down")
    assert made(name, replace(tiling, overlap=False)).count("ACQBULK", "PREEXIT") == 0


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("name", KERNELS)
def test_numbers_that_are_one_compile_too(name: str, direct: bool) -> None:
    """A launch with one token, expert, group or tile of rows: Triton compiles a 1 in."""
    ones = ("tokens", "counters", "experts", "row_tiles", "groups", "columns", "inner", "stride_x")
    tiling = Tiling(1, Cut(), Cut(splits=4), direct=direct)
    made = compiled(KERNELS[name], name, "int4", tiling, experts=1, ones=ones)
    assert made.spilled == 0
