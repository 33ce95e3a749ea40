"""Attachments: files that came with a message, from what was fetched to what is stored.

A text is decoded, and cut where all texts of a message are longer than a message may be; of what
was said in a thread, the newest is kept. An image is known by its own first bytes, whatever it is
called. What can't be read is stored without its content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from assistant.errors import MessageRefused
from assistant.files.image_header import ImageHeader, described
from assistant.files.pdf_text import PDF_BYTES, PDF_TYPE, PdfReader
from assistant.messages import Attachment, IncomingMessage, clean
from assistant.phrases import Phrase
from inference.api import Image

IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
IMAGE_BYTES = 10_000_000
# Twelve times what a model looks at; a small file can unfold to gigabytes.
IMAGE_PIXELS = 50_000_000
TEXT_BYTES = 1_000_000

# The part of a statement that stores what came with its `message`, in the order given.
ATTACHED = """, attached AS (
    INSERT INTO attachments
        (message_id, position, kind, name, media_type, width, height, characters, text, bytes)
    SELECT message.id, given.* FROM message, unnest(
        %(positions)s::int[], %(kinds)s::text[], %(names)s::text[], %(media_types)s::text[],
        %(widths)s::int[], %(heights)s::int[], %(characters)s::int[], %(texts)s::text[],
        %(bytes)s::bytea[]) AS given
)"""

# The same of images that came with several messages, which are numbered.
ATTACHED_TO_EACH = """, attached AS (
    INSERT INTO attachments
        (message_id, position, kind, name, media_type, width, height, characters, bytes)
    SELECT message.id, given.position, 'image', '', given.media_type, given.width, given.height,
        0, given.bytes
    FROM unnest(%(of)s::int[], %(positions)s::int[], %(media_types)s::text[], %(widths)s::int[],
        %(heights)s::int[], %(bytes)s::bytea[])
        AS given (of, position, media_type, width, height, bytes)
    JOIN message ON message.platform_message_id = given.of::text
)
"""


def most_bytes(one: Attachment) -> int:
    """How large the file may be."""
    if one.media_type == PDF_TYPE:
        return PDF_BYTES
    return IMAGE_BYTES if one.kind == "image" else TEXT_BYTES


async def with_pdf_text(message: IncomingMessage, reader: PdfReader) -> IncomingMessage:
    """The message with the text of its PDFs in place of these."""

    files = tuple([await opened(one, reader) for one in message.attachments])
    return replace(message, attachments=files)


async def opened(one: Attachment, reader: PdfReader) -> Attachment:
    """A PDF with its text in place of it; any other file as it is. May take seconds."""
    if one.media_type != PDF_TYPE or one.opened or one.data is None or len(one.data) > PDF_BYTES:
        return one
    return replace(one, data=(await reader.text(one.data)).encode(), opened=True)


def readable(message: IncomingMessage, room: int) -> IncomingMessage:
    """The message with what can be read of its files; its texts have `room` characters together,
    first come, first served.

    Raises MessageRefused where nothing is left of the message.
    """
    files: list[Attachment] = []
    for one in message.attachments:
        file = one if one.data is None else _image(one) if one.kind == "image" else _text(one, room)
        room -= len(file.data.decode()) if file.kind != "image" and file.data is not None else 0
        files.append(file)
    brought = [one for one in files if one.kind != "thread"]
    if not message.text.strip() and all(one.data is None and not one.awaited for one in brought):
        raise MessageRefused(_unreadable(files))
    return replace(message, attachments=tuple(files))


def values_of(attachments: Sequence[Attachment]) -> dict[str, Any]:
    """What ATTACHED asks for."""
    texts = [one.data if one.kind != "image" else None for one in attachments]
    return {
        "positions": list(range(len(attachments))),
        "kinds": [one.kind for one in attachments],
        "names": [clean(one.name) for one in attachments],
        "media_types": [clean(one.media_type) for one in attachments],
        "widths": [one.width for one in attachments],
        "heights": [one.height for one in attachments],
        "characters": [one.characters for one in attachments],
        "texts": [None if data is None else data.decode() for data in texts],
        "bytes": [one.data if one.kind == "image" else None for one in attachments],
    }


def images_of(messages: Sequence[Sequence[Image]]) -> dict[str, list[Any]]:
    """What ATTACHED_TO_EACH asks for: the images of each message, by its number."""
    listed = [
        (number, position, image)
        for number, images in enumerate(messages)
        for position, image in enumerate(images)
    ]
    return {
        "of": [number for number, _, _ in listed],
        "positions": [position for _, position, _ in listed],
        "media_types": [image.media_type for _, _, image in listed],
        "widths": [image.width for _, _, image in listed],
        "heights": [image.height for _, _, image in listed],
        "bytes": [image.data for _, _, image in listed],
    }


def _unreadable(files: Sequence[Attachment]) -> Phrase:
    if any(one.media_type == PDF_TYPE for one in files):
        return Phrase("content.pdf")
    if any(one.kind == "text" for one in files):
        return Phrase("content.unreadable_text")
    return Phrase("content.unreadable_image")


def image_header(data: bytes) -> ImageHeader | None:
    """None for what is no image that may be shown to a model, or too large for one."""
    seen = described(data)
    if seen is None or len(data) > IMAGE_BYTES or seen.width * seen.height > IMAGE_PIXELS:
        return None
    return seen


def _image(one: Attachment) -> Attachment:
    seen = image_header(one.data or b"")
    if seen is None:
        return replace(one, data=None)
    return replace(one, media_type=seen.media_type, width=seen.width, height=seen.height)


def _text(one: Attachment, room: int) -> Attachment:
    text = _decoded(one.data or b"")
    if text is None:
        return replace(one, data=None)
    cut = newest(text, room) if one.kind == "thread" else text[: max(room, 0)]
    return replace(one, characters=len(text), data=cut.encode())


def newest(text: str, room: int) -> str:
    """The last whole lines that fit into so many characters."""
    if len(text) <= room:
        return text
    kept = text[len(text) - room :] if room > 0 else ""
    begins_a_line = text[: len(text) - len(kept)].endswith("\n")
    return kept if begins_a_line else kept.partition("\n")[2]


def _decoded(data: bytes) -> str | None:
    """UTF-8, UTF-16 by its mark, or else a Western European text; None for what is no text."""
    if len(data) > TEXT_BYTES:
        return None
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for coding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(coding)
        except UnicodeDecodeError:
            continue
        return None if _is_binary(text) else clean(text.replace("\r\n", "\n"))
    return None


def _is_binary(text: str) -> bool:
    return not text.strip() or any(one < " " and one not in "\t\n\r\f\v\x1b\b" for one in text)
