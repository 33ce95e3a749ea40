"""A tiny Maverick: experts in every second layer, plain MLPs between, no QK norm, int4 with zeros.

Compared as `test_tiny_scout.py` says.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.model.comparing import (
    BOUND,
    Pair,
    assert_greedy_answers_are_the_references,
    compared,
    largest_difference,
)
from tests.model.tiny_scout import MAVERICK

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    async with compared(MAVERICK, tmp_path_factory.mktemp("maverick")) as both:
        yield both


async def test_every_second_layer_is_computed_by_our_int4_method(pair):
    methods = ["OutriderCompressedTensorsMoEMethod"] * 2
    assert await pair.engine.call_workers("moe_methods") == [methods]


async def test_log_probabilities_equal_the_references_at_every_token(pair):
    assert largest_difference(pair) < BOUND


async def test_greedy_tokens_equal_the_references(pair):
    assert_greedy_answers_are_the_references(pair)
