"""An engine on a tiny model beside its reference, with what both say about the same prompts.

A file of tests says `pytestmark = MARKS`, `pair = pair_of(KIND)`, and has a class of
`AgreesWithItsReference`: what must hold of each tiny model is in there once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import torch

from inference.vllm_engine.engine import VllmEngine
from tests.model.asking import Said, say, tiny_engine
from tests.model.reference import Reference, right
from tests.model.tiny_scout import VOCABULARY, WINDOW, Kind, TinyModel, build

MARKS = [
    pytest.mark.model,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]
TOKENS = 64  # of each answer
# In float32, of any log probability anywhere. What came out is in docs/fidelity.md.
BOUND = 2e-4
# Shorter than the window, at it, across it, and so long that all of it is crossed many times.
LENGTHS = [7, WINDOW - 1, WINDOW, WINDOW + 1, 230, 700]


@dataclass(frozen=True, slots=True)
class Pair:
    tiny: TinyModel
    engine: VllmEngine
    reference: Reference
    said: list[tuple[list[int], Said]]  # prompts and greedy answers, all asked for at once


def prompt(length: int, seed: int = 0) -> list[int]:
    """Random tokens that are bytes of text."""
    random = torch.Generator().manual_seed(1000 * seed + length)
    return torch.randint(32, VOCABULARY, (length,), generator=random).tolist()


@asynccontextmanager
async def compared(kind: Kind, folder: Path, **overrides: Any) -> AsyncIterator[Pair]:
    tiny = build(kind, folder / kind.name)
    async with tiny_engine(tiny.folder, **overrides) as engine:
        prompts = [prompt(length) for length in LENGTHS]
        asked = (say(engine, one, TOKENS, logprobs=True) for one in prompts)
        said = list(zip(prompts, await asyncio.gather(*asked), strict=True))
        yield Pair(tiny, engine, right(tiny), said)


def pair_of(kind: Kind, **overrides: Any) -> Any:
    """A fixture: the pair of this kind for a module. `overrides` go to vLLM."""

    @pytest_asyncio.fixture(scope="module", loop_scope="module")
    async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
        async with compared(kind, tmp_path_factory.mktemp("tiny"), **overrides) as both:
            yield both

    return pair


def difference(reference: Reference, ids: list[int], said: Said) -> torch.Tensor:
    """(N + M - 1,): at each token, the largest difference of any log probability."""
    expected = reference.logprobs([*ids, *said.token_ids])[:-1]
    assert said.logprobs is not None
    return (said.logprobs - expected).abs().amax(dim=1)


def largest_difference(pair: Pair) -> float:
    return max(float(difference(pair.reference, *one).max()) for one in pair.said)


def likeliest(reference: Reference, ids: list[int], answer: list[int]) -> list[int]:
    """At each of an answer's places, given what the answer says before, the likeliest token.

    It equals the answer exactly if the reference's own greedy answer does.
    """
    expected = reference.logprobs([*ids, *answer])[:-1]
    return expected.argmax(dim=1)[len(ids) - 1 :].tolist()


class AgreesWithItsReference:
    """What holds of each tiny model in float32."""

    async def test_log_probabilities_equal_the_references_at_every_token(self, pair: Pair) -> None:
        assert largest_difference(pair) < BOUND

    async def test_greedy_tokens_equal_the_references(self, pair: Pair) -> None:
        for ids, said in pair.said:
            assert len(said.token_ids) == TOKENS
            assert said.token_ids == likeliest(pair.reference, ids, said.token_ids)
