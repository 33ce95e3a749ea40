"""Images reach a model that sees them: the scripted one, and a remote one over real HTTP."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from inference.api import ChatMessage, Engine, GenerationRequest, Image, Sampling
from inference.errors import PromptTooLong
from inference.remote.engine import LEAST_IMAGE_TOKENS
from inference.settings import EngineSettings, ScriptedSettings
from inference.start import build_engine
from tests.fakes.openai_server import KEY, MAX_MODEL_LEN, OpenAiServer
from tests.support.demo import quiet

CAT = Image("image/png", b"\x89PNG cat", 640, 480, key=7)
DOG = Image("image/jpeg", b"\xff\xd8\xff dog", 800, 600)


@pytest.fixture
async def server() -> AsyncIterator[OpenAiServer]:
    server = OpenAiServer()
    await server.start()
    yield server
    await server.stop()


def settings_of(name: str, server: OpenAiServer, vision: bool) -> EngineSettings:
    if name == "scripted":
        return EngineSettings(profile="scripted", scripted=ScriptedSettings(vision=vision))
    return EngineSettings(
        profile="remote", base_url=server.base_url, api_key=SecretStr(KEY), vision=vision
    )


@pytest.fixture(params=["scripted", "remote"])
async def engine(
    request: pytest.FixtureRequest, server: OpenAiServer, tmp_path: Path
) -> AsyncIterator[Engine]:
    engine = build_engine(settings_of(request.param, server, True), tmp_path)
    await engine.start(quiet)
    yield engine
    await engine.stop()


async def answer(engine: Engine, *messages: ChatMessage) -> str:
    prompt = await engine.render(messages)
    request = GenerationRequest("one", prompt, Sampling(max_tokens=30))
    return "".join([delta.text async for delta in engine.generate(request)])


async def test_an_engine_that_sees_says_so_and_gets_every_image(engine: Engine) -> None:
    assert engine.info.vision
    earlier = [ChatMessage("user", "who?", (DOG,)), ChatMessage("assistant", "A dog.")]
    said = await answer(engine, *earlier, ChatMessage("user", "and here?", (CAT, DOG)))
    assert said.startswith("You wrote 2 messages, with 2 images, the last one: and here?")


async def test_an_image_without_words_is_a_question_too(engine: Engine) -> None:
    said = await answer(engine, ChatMessage("user", "", (CAT,)))
    assert said.startswith("You wrote 1 message, with 1 image,")


@pytest.mark.parametrize("name", ["scripted", "remote"])
async def test_without_the_setting_no_engine_says_that_it_sees(
    server: OpenAiServer, tmp_path: Path, name: str
) -> None:
    engine = build_engine(settings_of(name, server, False), tmp_path)
    await engine.start(quiet)
    assert not engine.info.vision
    await engine.stop()


async def test_an_endpoint_gets_the_image_as_it_came_before_the_text(
    server: OpenAiServer, tmp_path: Path
) -> None:
    engine = build_engine(settings_of("remote", server, True), tmp_path)
    await engine.start(quiet)
    await answer(engine, ChatMessage("system", "Be kind."), ChatMessage("user", "who?", (CAT,)))
    await engine.stop()
    system, user = server.requests[-1]["messages"]
    assert system == {"role": "system", "content": "Be kind."}
    url = "data:image/png;base64," + base64.b64encode(CAT.data).decode()
    assert user["content"] == [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": "who?"},
    ]


async def test_images_take_room_in_a_prompt(server: OpenAiServer, tmp_path: Path) -> None:
    engine = build_engine(settings_of("remote", server, True), tmp_path)
    await engine.start(quiet)
    many = (CAT,) * (MAX_MODEL_LEN // LEAST_IMAGE_TOKENS + 1)
    with pytest.raises(PromptTooLong):
        await engine.render([ChatMessage("user", "who?", many)])
    await engine.stop()
