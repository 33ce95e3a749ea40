"""Images for a model in our own process: opened once before anything is generated from them.

Pillow comes with vLLM; nothing else imports this.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import replace

from PIL import Image as Pillow

from inference.api import ChatMessage, Image

UNREADABLE = "[An image came with this message, but it is damaged.]"

# Llama 4 cuts an image into up to 16 tiles, and looks at the whole beside them where they are more
# than one. Each tile is 144 tokens and one that separates; around them stand three.
_TILE_PIXELS = 336
_MOST_TILES = 16
_TILE_TOKENS = 145
_AROUND_TOKENS = 3


def image_tokens(image: Image) -> int:
    """The most tokens that Llama 4 makes of it."""
    wide, high = (math.ceil(max(side, 1) / _TILE_PIXELS) for side in (image.width, image.height))
    tiles = min(wide * high, _MOST_TILES)
    return (tiles + (tiles > 1)) * _TILE_TOKENS + _AROUND_TOKENS


def opened(image: Image) -> Pillow.Image | None:
    """Decoded, as RGB; None where it can't be, or is of another size than it says. Blocks."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            with Pillow.open(io.BytesIO(image.data)) as found:
                posing = image.width and found.size != (image.width, image.height)
                return None if posing else found.convert("RGB")
    except Exception:  # whatever a decoder raises of what came from outside
        return None


def readable(messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
    """The messages, with words in place of images that are damaged. Blocks."""
    return tuple(_readable(one) if one.images else one for one in messages)


def _readable(message: ChatMessage) -> ChatMessage:
    images = tuple(one for one in message.images if opened(one) is not None)
    missing = [UNREADABLE] * (len(message.images) - len(images))
    content = "\n\n".join(filter(None, (*missing, message.content)))
    return replace(message, images=images, content=content)
