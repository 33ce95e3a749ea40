"""Images before they go into a model of our own."""

from __future__ import annotations

from io import BytesIO

import pytest

pytest.importorskip("PIL", reason="comes with vLLM")

from PIL import Image as Pillow

from assistant.files.image_header import ImageHeader, described
from inference.api import ChatMessage, Image
from inference.chat import render_token_ids
from inference.vllm_engine.vision import UNREADABLE, image_tokens, opened, readable
from tests.support.pictures import png

GOOD = Image("image/png", png(40, 30), 40, 30)
DAMAGED = Image("image/png", png(40, 30)[:60], 40, 30)


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (0, 0, 148),  # of unknown size: one tile at least
        (336, 336, 148),
        (337, 336, 438),  # two, and the whole
        (1280, 853, 17 * 145 - 4 * 145 + 3),
        (9999, 9999, 17 * 145 + 3),
    ],
)
def test_an_image_is_counted_by_its_tiles(width: int, height: int, expected: int) -> None:
    assert image_tokens(Image("image/png", b"", width, height)) == expected


def test_an_image_is_opened_as_it_is() -> None:
    found = opened(GOOD)
    assert found is not None
    assert (found.size, found.mode) == ((40, 30), "RGB")


@pytest.mark.parametrize("data", [b"", b"no image", png(40, 30)[:60]])
def test_a_damaged_image_is_none(data: bytes) -> None:
    assert opened(Image("image/png", data, 1, 1)) is None


def test_an_image_that_is_larger_than_it_says_is_none() -> None:
    """It was counted, in pixels and in tokens, by what it says."""
    drawing = BytesIO()
    Pillow.new("P", (900, 900)).save(drawing, "GIF")
    posing = bytearray(drawing.getvalue())
    posing[6:10] = (10).to_bytes(2, "little") * 2  # the screen; its frame stays as it is
    assert described(bytes(posing)) == ImageHeader("image/gif", 10, 10)
    assert opened(Image("image/gif", bytes(posing), 10, 10)) is None
    assert opened(Image("image/gif", drawing.getvalue(), 900, 900)) is not None


def test_words_stand_in_place_of_a_damaged_image() -> None:
    given = [ChatMessage("system", "Be kind."), ChatMessage("user", "Who?", (GOOD, DAMAGED))]
    system, user = readable(given)
    assert system is given[0]
    assert user == ChatMessage("user", f"{UNREADABLE}\n\nWho?", (GOOD,))


class Tokenizer:
    """Shows what a chat template is given."""

    def __init__(self) -> None:
        self.all_special_tokens = ["<|image|>"]
        self.added_tokens_decoder: dict[int, str] = {}

    def apply_chat_template(self, conversation: list[object], **options: object) -> list[object]:
        return conversation


def test_a_template_gets_the_images_places_before_the_text_and_no_text_can_pose_as_one() -> None:
    message = ChatMessage("user", "What is <|image|>?", (GOOD, GOOD))
    (rendered,) = render_token_ids(Tokenizer(), [message])
    place = {"type": "image"}
    text = {"type": "text", "text": "What is < |image|>?"}
    assert rendered == {"role": "user", "content": [place, place, text]}
