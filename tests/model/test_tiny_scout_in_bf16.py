"""The tiny Scout in bf16, as it is served on a card, against the same reference in float32.

Rounding moves every log probability, and now and then it sends a token to another expert, which
moves what follows by more. So the typical token is compared, not the worst.
"""

from __future__ import annotations

import pytest
import torch

from tests.model.comparing import MARKS, Pair, pair_of
from tests.model.reference import FAULTS, Reference
from tests.model.tiny_scout import SCOUT

pytestmark = MARKS

# Median of the KL divergence at a token, in nats; what came out is in docs/fidelity.md.
BOUND = 0.001
# What the median token doesn't feel: it sets in late, or reaches few.
FELT_BY_FEW = {"temperature floor off by one"}

pair = pair_of(SCOUT, dtype="bfloat16")


def divergence(reference: Reference, pair: Pair) -> float:
    """The median token's, over all prompts and answers."""
    found = []
    for ids, said in pair.said:
        expected = reference.logprobs([*ids, *said.token_ids])[:-1]
        assert said.logprobs is not None
        found.append((expected.exp() * (expected - said.logprobs)).sum(1))
    return float(torch.cat(found).median())


async def test_the_typical_token_is_expected_as_by_the_reference(pair):
    assert divergence(pair.reference, pair) < BOUND


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - FELT_BY_FEW))
async def test_even_in_bf16_the_comparison_sees(pair, fault):
    assert divergence(FAULTS[fault](pair.tiny), pair) > 3 * BOUND
