"""What an image is by its first bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.files.image_header import ImageHeader, described
from tests.support.pictures import png

JFIF = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\x00" + bytes(9)
FRAME = struct.pack(">HBHHB", 17, 8, 480, 640, 3)


def webp(form: bytes, body: bytes) -> bytes:
    chunk = form + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (png(640, 480), ImageHeader("image/png", 640, 480)),
        (b"GIF89a" + struct.pack("<HH", 640, 480), ImageHeader("image/gif", 640, 480)),
        (b"\xff\xd8" + JFIF + b"\xff\xc0" + FRAME, ImageHeader("image/jpeg", 640, 480)),
        (b"\xff\xd8\xff" + JFIF + b"\xff\xc2" + FRAME, ImageHeader("image/jpeg", 640, 480)),
        (
            b"\xff\xd8\xff\xc4\x00\x04\x00\x00\xff\xff\xc1" + FRAME,
            ImageHeader("image/jpeg", 640, 480),
        ),
        (
            webp(b"VP8 ", b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 640, 480)),
            ImageHeader("image/webp", 640, 480),
        ),
        (
            webp(b"VP8L", b"\x2f" + struct.pack("<I", 639 | 479 << 14)),
            ImageHeader("image/webp", 640, 480),
        ),
        (
            webp(b"VP8X", bytes(4) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")),
            ImageHeader("image/webp", 640, 480),
        ),
    ],
)
def test_each_kind_says_its_type_and_size(data: bytes, expected: ImageHeader) -> None:
    assert described(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"%PDF-1.7",
        png()[:20],
        png(0, 0),
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0\x00\x00" * 3,
        b"RIFF....WEBPVP8 ",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
)
def test_what_is_no_image_is_none(data: bytes) -> None:
    assert described(data) is None


HEADS = st.sampled_from([b"", b"\xff\xd8\xff", b"RIFF1234WEBPVP8 ", b"GIF89a", png()[:16]])


@given(HEADS, st.binary(max_size=200))
def test_any_bytes_give_a_value(head: bytes, rest: bytes) -> None:
    found = described(head + rest)
    assert found is None or min(found.width, found.height) > 0


@pytest.mark.parametrize("body", [b"\xff", b"\xff\xe0\x00\x02"], ids=["filling", "empty segments"])
def test_who_hides_the_size_behind_a_million_markers_hides_it(body: bytes) -> None:
    """Each costs a step of Python's, in the loop that serves everybody."""
    hidden = b"\xff\xd8\xff\xe0\x00\x02" + body * 1_000_000 + b"\xff\xc0" + FRAME
    assert described(hidden) is None
    few = b"\xff\xd8\xff\xe0\x00\x02" + body * 1_000 + b"\xff\xc0" + FRAME
    assert described(few) == ImageHeader("image/jpeg", 640, 480)
