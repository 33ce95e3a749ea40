"""On a GPU: bf16, CUDA graphs, overlapping launches, equal bits, compute-sanitizer."""

from __future__ import annotations

import pytest
import torch

from tests.kernels.layers import FORMS
from tests.kernels.on_card import TOOLS, VARIANTS, case, examine, sanitizer_s_word

BOUND = 1e-2  # ‖ours − naive‖ / ‖naive‖ in bf16; with the weight twice it is about 0.5

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="there is no NVIDIA GPU here; `make gpu-check` has it too"
)


@pytest.mark.parametrize("count", [1, 7, 16, 63, 512])
@pytest.mark.parametrize("form", FORMS)
def test_every_format_is_right_in_bf16_and_in_a_graph(form: str, count: int) -> None:
    found = examine(case(form, count))
    assert found.error < BOUND
    assert found.repeatable and found.in_graph and found.counted


@pytest.mark.parametrize("count", [1, 2, 16, 63])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_way_to_start_and_to_route_is_right_in_a_graph(variant: str, count: int) -> None:
    found = examine(case("int4", count, VARIANTS[variant]))
    assert found.error < BOUND
    assert found.repeatable and found.in_graph and found.counted


@pytest.mark.parametrize("tool", TOOLS)
def test_compute_sanitizer_finds_nothing(tool: str) -> None:
    clean, said = sanitizer_s_word(tool)
    if clean is None:
        pytest.skip(f"compute-sanitizer: {said}")
    assert clean, said
