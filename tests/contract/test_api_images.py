"""Images in a chat's messages over real HTTP."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace

import openai
import pytest

from inference.api import MOST_IMAGES, ChatMessage
from tests.contract.test_api import api
from tests.support.memory_assistant import INFO
from tests.support.pictures import png

SEES = replace(INFO, vision=True)


def url(data: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def asking(*urls: str) -> list[dict[str, object]]:
    images = [{"type": "image_url", "image_url": {"url": one}} for one in urls]
    return [{"role": "user", "content": [{"type": "text", "text": "what?"}, *images]}]


def seen(messages: Sequence[ChatMessage]) -> Iterator[str]:
    for one in messages[-1].images:
        yield f"{one.media_type} {one.width}x{one.height}; "


async def test_an_image_reaches_the_model_as_what_its_own_bytes_say() -> None:
    async with api(script=seen, info=SEES) as (_, client):
        done = await client.chat.completions.create(
            model="any", messages=asking(url(png(5, 7)), url(png(), "image/jpeg"))
        )
        assert done.choices[0].message.content == "image/png 5x7; image/png 4x3; "


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("https://example.org/cat.png", "nothing is fetched"),
        ("file:///etc/passwd", "nothing is fetched"),
        ("data:text/html;base64,AAAA", "must begin like"),
        ("data:image/png,abc", "must begin like"),
        ("data:image/png;base64,@@@", "not valid base64"),
        (url(b"GIF but not quite"), "no JPEG, PNG, WebP or GIF"),
        (url(png()[:16] + struct.pack(">II", 10_000, 10_000)), "million pixels"),
        ("", "nothing is fetched"),
    ],
)
async def test_what_is_no_image_is_refused_in_a_sentence(given: str, said: str) -> None:
    async with api(info=SEES) as (assistant, client):
        with pytest.raises(openai.BadRequestError, match=said) as refused:
            await client.chat.completions.create(model="any", messages=asking(given))
        assert refused.value.code == "invalid_image"
        assert not given or given not in str(refused.value)
        assert assistant.states() == []


@pytest.mark.parametrize("role", ["system", "developer"])
async def test_only_the_user_shows_images(role: str) -> None:
    """Chat templates have no place for them elsewhere."""
    async with api(info=SEES) as (assistant, client):
        given = [{**asking(url(png()))[0], "role": role}, {"role": "user", "content": "Hi"}]
        with pytest.raises(openai.BadRequestError, match="should be 'text'") as refused:
            await client.chat.completions.create(model="any", messages=given)
        assert refused.value.param == "messages.0.content.1.type"
        assert assistant.states() == []


async def test_a_model_that_sees_nothing_is_named() -> None:
    async with api() as (assistant, client):
        with pytest.raises(openai.BadRequestError, match="echo-1 sees no images"):
            await client.chat.completions.create(model="any", messages=asking(url(png())))
        assert assistant.states() == []


async def test_more_images_than_a_prompt_takes_are_refused() -> None:
    async with api(info=SEES) as (_, client):
        with pytest.raises(openai.BadRequestError, match=f"{MOST_IMAGES} images"):
            many = [url(png())] * (MOST_IMAGES + 1)
            await client.chat.completions.create(model="any", messages=asking(*many))
