"""What every engine that makes embeddings does: the scripted one, a remote one, vLLM's."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio
from pydantic import SecretStr

from inference.api import ChatMessage, Embedder, Engine, GenerationRequest
from inference.errors import EngineError, EngineUnavailable, PromptTooLong
from inference.settings import EngineSettings, ScriptedSettings
from inference.start import build_engine
from tests.contract.test_engine import server
from tests.fakes.openai_server import KEY, OpenAiServer
from tests.support.demo import quiet, words

__all__ = ["server"]
pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

DEMO = pytest.param("demo-embeddings", marks=pytest.mark.model)


class EmbeddingEngine(Engine, Embedder, Protocol):
    pass


def settings_for(name: str, base_url: str) -> EngineSettings:
    if name == "remote":
        return EngineSettings(
            profile="remote", base_url=base_url, api_key=SecretStr(KEY), embeddings_model="vectors"
        )
    if name == "scripted":
        return EngineSettings(profile="scripted", scripted=ScriptedSettings(embeddings=True))
    return EngineSettings(profile="demo-embeddings")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["scripted", "remote", DEMO])
async def engine(
    request: pytest.FixtureRequest,
    server: OpenAiServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[EmbeddingEngine]:
    demo = request.param.startswith("demo")
    data_dir: Path = (
        request.getfixturevalue("demo_data_dir") if demo else tmp_path_factory.mktemp("data")
    )
    engine = build_engine(settings_for(request.param, server.base_url), data_dir)
    await engine.start(quiet)
    yield engine  # type: ignore[misc]
    await engine.stop()


async def test_each_text_has_a_vector_of_its_own_in_their_order(engine: EmbeddingEngine) -> None:
    assert engine.info.embeddings
    texts = ["The cat sat.", "Quantum fields of gluons are odd.", "The cat sat."]
    found = await engine.embed(texts)
    first, other, again = found.vectors
    assert len(first) == len(other)
    assert first == pytest.approx(again, abs=1e-2)
    assert first != pytest.approx(other, abs=1e-2)
    assert found.prompt_tokens >= 12
    assert (await engine.embed(texts[1:2])).vectors[0] == pytest.approx(other, abs=1e-2)


@pytest.mark.parametrize("engine", ["scripted", DEMO], indirect=True)
async def test_vectors_are_of_length_one(engine: EmbeddingEngine) -> None:
    found = await engine.embed(["The cat sat.", "a"])
    assert [math.hypot(*one) for one in found.vectors] == pytest.approx([1.0, 1.0], abs=1e-2)


@pytest.mark.parametrize("engine", ["scripted", DEMO], indirect=True)
async def test_a_text_that_is_too_long_is_refused_with_its_numbers(
    engine: EmbeddingEngine,
) -> None:
    with pytest.raises(PromptTooLong) as refused:
        await engine.embed(["fine", words(engine.info.max_model_len + 1)])
    assert refused.value.prompt_tokens > refused.value.limit_tokens == engine.info.max_model_len
    assert len((await engine.embed(["fine"])).vectors) == 1


@pytest.mark.parametrize("name", ["scripted", "remote", DEMO])
async def test_one_that_was_not_started_says_so(name: str, tmp_path: Path) -> None:
    engine = build_engine(settings_for(name, "http://127.0.0.1:9/v1"), tmp_path)
    with pytest.raises(EngineUnavailable):
        await engine.embed(["x"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("engine", [DEMO], indirect=True)
async def test_one_that_makes_embeddings_alone_answers_nobody(engine: EmbeddingEngine) -> None:
    assert not engine.info.generates
    prompt = await engine.render([ChatMessage("user", "Hello")])
    with pytest.raises(EngineError, match="makes embeddings alone"):
        await anext(engine.generate(GenerationRequest("one", prompt)))
