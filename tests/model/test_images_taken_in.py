"""Images on their way into vLLM, without an engine."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from inference.api import ChatMessage, EngineInfo, Image, Prompt
from inference.errors import EngineUnavailable, PromptRefused
from inference.profiles import profile_named
from inference.vllm_engine.loaded import Loaded
from tests.support.pictures import png

pytestmark = pytest.mark.model


async def test_what_goes_wrong_with_an_image_is_an_error_of_the_engines() -> None:
    async def ended(prompt: object, arrival_time: float) -> None:
        raise RuntimeError("cannot schedule new futures after shutdown")

    renderer = SimpleNamespace(process_for_engine_async=ended)
    llm = SimpleNamespace(renderer=renderer, errored=True)
    info = EngineInfo("scout", "scout", 1000, "fingerprint")
    model = Loaded(profile_named("scout"), llm, None, frozenset(), None, info, {})
    image = Image(data=png(), media_type="image/png", width=4, height=3)
    prompt = Prompt(messages=(ChatMessage("user", "", images=(image,)),), token_ids=(1, 2))
    with pytest.raises(EngineUnavailable, match="could not take in the image"):
        await model._input(prompt, ())
    llm.errored = False  # then it is the image's own fault, and another attempt has the same
    with pytest.raises(PromptRefused, match="an image can't be read"):
        await model._input(prompt, ())
