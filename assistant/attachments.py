"""Attachments: files that came with a message, from what was fetched to what the model is shown.

A text is decoded, and cut where it is longer than a message may be. An image is known by its own
first bytes, whatever it is called. What can't be read is stored without its content: the prompt
then says that it came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from assistant.database import Database
from assistant.errors import MessageRefused
from assistant.image_header import described
from assistant.markdown import fenced
from assistant.messages import Attachment, AttachmentKind, IncomingMessage, clean
from assistant.phrases import Phrase

IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
IMAGE_BYTES = 10_000_000
# Twelve times what a model looks at; a small file can unfold to gigabytes.
IMAGE_PIXELS = 50_000_000
TEXT_BYTES = 1_000_000
MOST_BYTES: Mapping[AttachmentKind, int] = {"image": IMAGE_BYTES, "text": TEXT_BYTES}

# `bytes` by the ids that a prompt names, in no order.
LOAD = "SELECT id, bytes FROM attachments WHERE id = ANY(%(ids)s)"
"""The part of the intake that stores what came with the message, in the order given."""
ATTACHED = """, attached AS (
    INSERT INTO attachments
        (message_id, position, kind, name, media_type, width, height, characters, text, bytes)
    SELECT message.id, given.* FROM message, unnest(
        %(positions)s::int[], %(kinds)s::text[], %(names)s::text[], %(media_types)s::text[],
        %(widths)s::int[], %(heights)s::int[], %(characters)s::int[], %(texts)s::text[],
        %(bytes)s::bytea[]) AS given
)
"""


def readable(message: IncomingMessage, room: int) -> IncomingMessage:
    """The message with what can be read of its files; `room` is how long all texts may be.

    Raises MessageRefused where nothing is left of it.
    """
    files = tuple(_examined(one) for one in message.attachments)
    if not message.text.strip() and all(one.data is None for one in files):
        kind = "text" if any(one.kind == "text" for one in files) else "image"
        raise MessageRefused(Phrase(f"content.unreadable_{kind}"))
    return replace(message, attachments=files)


def values_of(attachments: Sequence[Attachment], room: int) -> dict[str, Any]:
    """What ATTACHED asks for. Texts have `room` for all of them, first come, first served."""
    rows: list[tuple[Any, ...]] = []
    for position, one in enumerate(attachments):
        whole = one.data.decode() if one.kind == "text" and one.data is not None else None
        kept = None if whole is None else whole[: max(room, 0)]
        room -= len(kept or "")
        rows.append(
            (
                *(position, one.kind, clean(one.name), clean(one.media_type)),
                *(one.width, one.height, len(whole or ""), kept),
                one.data if one.kind == "image" else None,
            )
        )
    names = ("positions", "kinds", "names", "media_types", "widths", "heights", "characters")
    columns = [list(column) for column in zip(*rows, strict=True)]
    return dict(zip((*names, "texts", "bytes"), columns, strict=True))


def shown_text(name: str, text: str, characters: int) -> str:
    """A text that came as a file, as the prompt shows it; `characters` is its whole length."""
    cut = characters - len(text)
    after = f"\n(Here it was cut: {cut:,} of its {characters:,} characters are missing.)"
    return f"{_called(name)}:\n{fenced(text)}{after if cut > 0 else ''}"


def unseen(kind: str, name: str) -> str:
    """What the prompt says of a file that the model is not shown."""
    what = "An image" if kind == "image" else _called(name)
    return f"[{what} came with this message: you can't see or open it.]"


@dataclass(frozen=True, slots=True)
class StoredImages:
    database: Database

    async def load(self, ids: Sequence[int]) -> dict[int, bytes]:
        """By id; what was deleted meanwhile is missing."""
        rows = await self.database.rows(LOAD, {"ids": list(ids)})
        return {row.id: bytes(row.bytes) for row in rows if row.bytes is not None}


def _called(name: str) -> str:
    return f"The file {name}" if name else "A file"


def _examined(one: Attachment) -> Attachment:
    if one.data is None:
        return one
    if one.kind == "text":
        text = _decoded(one.data)
        return replace(one, data=None if text is None else text.encode())
    seen = described(one.data)
    if seen is None or len(one.data) > IMAGE_BYTES or seen.width * seen.height > IMAGE_PIXELS:
        return replace(one, data=None)
    return replace(one, media_type=seen.media_type, width=seen.width, height=seen.height)


def _decoded(data: bytes) -> str | None:
    """UTF-8, UTF-16 by its mark, or else a Western European text; None for what is no text."""
    if len(data) > TEXT_BYTES:
        return None
    for coding in ("utf-8-sig", "utf-16") if data[:2] in _MARKS else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(coding)
        except UnicodeDecodeError:
            continue
        return None if _is_binary(text) else text.replace("\r\n", "\n")
    return None


_MARKS = (b"\xff\xfe", b"\xfe\xff")


def _is_binary(text: str) -> bool:
    return any(one < " " and one not in "\t\n\r\f\v\x1b\b" for one in text) or not text.strip()
