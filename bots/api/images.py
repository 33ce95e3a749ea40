"""Images in a chat's messages: as data URLs alone, since nothing is fetched from elsewhere."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from assistant.files.attachments import IMAGE_BYTES, IMAGE_PIXELS, image_header
from bots.http.failures import Refused
from inference.api import MOST_IMAGES, ChatMessage, EngineInfo, Image

_BEGINNING = "data:image/"


class ImageUrl(BaseModel):
    """`detail` is taken and means nothing here: the model decides how closely it looks."""

    model_config = ConfigDict(strict=True, extra="ignore")

    url: str = Field(
        description="`data:image/…;base64,…`: a JPEG, PNG, WebP or GIF.",
        json_schema_extra={"format": "image-data-url"},
    )
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    type: Literal["image_url"]
    image_url: ImageUrl


def decoded(url: str) -> Image:
    """The image in a data URL, known by its own bytes. Raises Refused (400)."""
    if url[:5].lower() != "data:":
        raise _refused(
            "Send the image itself, as a data: URL (data:image/png;base64,…): nothing is fetched "
            "from an address."
        )
    head, comma, body = url.partition(",")
    if not (comma and head.lower().startswith(_BEGINNING) and head.lower().endswith(";base64")):
        raise _refused("An image's data: URL must begin like data:image/png;base64, and go on so.")
    try:
        data = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise _refused("An image's data: URL is not valid base64.") from None
    seen = image_header(data)
    if seen is None:
        raise _refused(
            "An image is no JPEG, PNG, WebP or GIF that can be read, or has more than "
            f"{IMAGE_BYTES // 1_000_000} MB or {IMAGE_PIXELS // 1_000_000} million pixels."
        )
    return Image(seen.media_type, data, seen.width, seen.height)


def check_images(messages: Sequence[ChatMessage], engines: Sequence[EngineInfo]) -> None:
    """Raises Refused (400): too many, or for models that see nothing."""
    count = sum(len(message.images) for message in messages)
    if count > MOST_IMAGES:
        raise _refused(f"A request may have {MOST_IMAGES} images, and this one has {count}.")
    answering = [one for one in engines if one.generates]
    if answering and not any(one.vision for one in answering):
        raise _refused(
            f"The model {answering[0].model} sees no images: leave them out, or ask one that does."
        )


def _refused(sentence: str) -> Refused:
    return Refused(400, sentence, code="invalid_image", param="messages")
