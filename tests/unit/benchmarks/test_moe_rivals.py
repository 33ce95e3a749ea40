"""Others' kernels get their weights as they want them: held against vLLM's own Python."""

from __future__ import annotations

import pytest
import torch

from tests.benchmarks.moe import marlin
from tests.benchmarks.moe.absent import NotThere
from tests.benchmarks.moe.aligned import aligned, room
from tests.benchmarks.moe.providers import Where, all_providers
from tests.benchmarks.moe.shapes import TINY
from tests.benchmarks.moe.weights import random_weights


def test_codes_are_in_marlin_s_order() -> None:
    from vllm.model_executor.layers.quantization.utils import marlin_utils_test as theirs

    generator = torch.Generator().manual_seed(1)
    codes = torch.randint(0, 16, (192, 96), generator=generator, dtype=torch.int32)  # (N, K)
    wanted = theirs.marlin_weights(codes.T, 96, 192, 4, theirs.get_weight_perm(4))
    assert torch.equal(marlin.in_order(codes)[0], wanted)


def test_scales_are_in_marlin_s_order() -> None:
    from vllm.model_executor.layers.quantization.utils.marlin_utils import marlin_permute_scales

    scales = torch.rand(2, 192, 3, generator=torch.Generator().manual_seed(2))  # (E, N, G)
    found = marlin.in_order_scales(scales)
    for expert in range(2):
        wanted = marlin_permute_scales(scales[expert].T.contiguous(), 384, 192, 128)
        assert torch.equal(found[expert], wanted)


def test_the_type_s_number_is_vllm_s() -> None:
    from vllm.scalar_type import scalar_types

    assert scalar_types.uint4b8.id == marlin.UINT4B8


@pytest.mark.parametrize("tokens, experts, block", [(1, 4, 16), (9, 4, 8), (50, 3, 16), (5, 9, 8)])
def test_blocks_hold_each_token_once_with_its_own_expert(
    tokens: int, experts: int, block: int
) -> None:
    ids = torch.randint(0, experts, (tokens, 1), generator=torch.Generator().manual_seed(tokens))
    found = aligned(ids, experts, block)
    assert len(found.tokens) == room(tokens, experts, block)
    end = int(found.padded)
    assert end % block == 0
    places = found.tokens[:end]
    there = places < tokens
    assert sorted(places[there].tolist()) == list(range(tokens))
    owners = found.experts[: end // block].repeat_interleave(block)
    assert torch.equal(ids[places[there].long(), 0], owners[there].long())


@pytest.mark.parametrize("name, said", [("Marlin", "--marlin"), ("vLLM Triton", "--vllm")])
def test_a_library_that_is_not_there_is_a_reason_not_a_crash(
    name: str, said: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    missing = tmp_path_factory.mktemp("empty") / "none"
    provider = next(one for one in all_providers(Where(missing, missing)) if one.name == name)
    with pytest.raises(NotThere, match=said):
        provider.ready(random_weights(TINY, 0, "cpu"))
