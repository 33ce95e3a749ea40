"""A tiny Maverick: experts in every second layer, plain MLPs between, no QK norm, int4 with zeros.

Compared as `test_tiny_scout.py` says.
"""

from __future__ import annotations

from tests.model.comparing import MARKS, AgreesWithItsReference, pair_of
from tests.model.tiny_scout import MAVERICK

pytestmark = MARKS

pair = pair_of(MAVERICK)


class TestTinyMaverick(AgreesWithItsReference):
    """In vLLM against transformers."""


async def test_every_second_layer_is_computed_by_our_int4_method(pair):
    methods = ["OutriderCompressedTensorsMoEMethod"] * 2
    assert await pair.engine.call_workers("moe_methods") == [methods]
