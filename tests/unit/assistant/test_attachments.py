"""What is read of the files that come with a message."""

from __future__ import annotations

import struct

import pytest

from assistant.errors import MessageRefused
from assistant.files.attachments import TEXT_BYTES, readable, values_of
from assistant.messages import Attachment, ChatRef, IncomingMessage
from tests.support.pictures import png

# Of 900 million pixels, as it says.
HUGE = png()[:16] + struct.pack(">II", 30_000, 30_000) + png()[24:]


def message(*attachments: Attachment, text: str = "") -> IncomingMessage:
    chat = ChatRef("telegram", "default", "7")
    return IncomingMessage(chat, "1", "1", "7", "Ana", text, attachments=attachments)


def file(data: bytes | None, name: str = "a.txt") -> Attachment:
    return Attachment("text", "id", name, "text/plain", data=data)


def image(data: bytes | None, media_type: str = "image/jpeg") -> Attachment:
    return Attachment("image", "id", media_type=media_type, data=data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"plain", "plain"),
        ("naïve 🎉".encode(), "naïve 🎉"),
        (b"\xef\xbb\xbfwith a mark", "with a mark"),
        ("größer".encode("utf-16"), "größer"),
        ("größer".encode("utf-16-le"), None),  # without its mark nobody can know
        ("größer".encode("cp1252"), "größer"),
        (b"one\r\ntwo", "one\ntwo"),
        (b"\x00\x01\x02", None),
        (b"PK\x03\x04", None),
        (b"  \n ", None),
        (b"", None),
        (b"x" * (TEXT_BYTES + 1), None),
    ],
)
def test_a_file_is_a_text_where_it_decodes(data: bytes, expected: str | None) -> None:
    [read] = readable(message(file(data), text="look"), 5000).attachments
    assert read.data == (None if expected is None else expected.encode())


def test_all_texts_together_have_the_room_of_one_message() -> None:
    files = [file(b"a" * 60), file(b"b" * 60), file(b"c" * 60)]
    first, second, third = readable(message(*files), 100).attachments
    assert [one.data for one in (first, second, third)] == [b"a" * 60, b"b" * 40, b""]
    assert [one.characters for one in (first, second, third)] == [60, 60, 60]


def test_an_image_is_what_its_bytes_say() -> None:
    [read] = readable(message(image(png(40, 30))), 0).attachments
    assert (read.media_type, read.width, read.height) == ("image/png", 40, 30)


@pytest.mark.parametrize("data", [b"no image", HUGE])
def test_an_image_that_is_none_or_unfolds_without_end_is_not_taken(data: bytes) -> None:
    [read] = readable(message(image(data), text="look"), 0).attachments
    assert read.data is None


@pytest.mark.parametrize(
    ("attachments", "key"),
    [
        ((file(b"\x00"),), "content.unreadable_text"),
        ((image(b"x"),), "content.unreadable_image"),
        ((image(None), file(None)), "content.unreadable_text"),
    ],
)
def test_a_message_of_which_nothing_can_be_read_is_refused(
    attachments: tuple[Attachment, ...], key: str
) -> None:
    with pytest.raises(MessageRefused) as refused:
        readable(message(*attachments), 1000)
    assert refused.value.phrase.key == key


def test_what_is_stored_is_text_or_bytes_and_never_both() -> None:
    values = values_of([image(b"x"), file(b"y", "b\x00.txt"), file(None)])
    assert values["texts"] == [None, "y", None]
    assert values["bytes"] == [b"x", None, None]
    assert values["positions"] == [0, 1, 2]
    assert "\x00" not in values["names"][1]
