"""What a person wrote, with its formatting kept as the model reads it: Markdown. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assistant.markdown import fence_of
from bots.telegram.addressing import BotIdentity, names_us
from bots.telegram.payload import Object, items, number, text
from bots.telegram.text.utf16 import clean

_NEWLINE = "\n".encode("utf-16-le")
_SPACE = " ".encode("utf-16-le")


@dataclass(frozen=True, slots=True, order=True)
class _Change:
    """At `offset` stands `mark` in place of what goes to `until`; in UTF-16 units.

    What ends at a place comes before what begins there, the inner before the outer; what begins
    there, the outer before the inner.
    """

    offset: int
    begins: bool
    nesting: int
    until: int
    mark: str


def readable(message: Object, bot: BotIdentity) -> str:
    """The text or the caption, without mentions of us; links show where they lead."""
    name = "text" if text(message.get("text")) else "caption"
    coded = text(message.get(name)).encode("utf-16-le", "surrogatepass")
    entities = items(message.get("entities" if name == "text" else "caption_entities"))
    changes = sorted(change for one in entities for change in _changes(one, coded, bot))
    written, at = b"", 0
    for change in changes:
        if change.offset < at:
            continue
        written += coded[2 * at : 2 * change.offset] + change.mark.encode("utf-16-le")
        at = change.until
        if at > change.offset and written.endswith((_SPACE, _NEWLINE)):
            while coded[2 * at : 2 * at + 2] == _SPACE:  # "hey @bot what" would keep two
                at += 1
    written += coded[2 * at :]
    return clean(written.decode("utf-16-le", "surrogatepass")).strip()


def _changes(entity: Object, coded: bytes, bot: BotIdentity) -> Iterator[_Change]:
    offset, length = number(entity.get("offset")), number(entity.get("length"))
    if offset is None or length is None or offset < 0 or length < 1:
        return
    end = offset + length
    if 2 * end > len(coded):
        return
    covered = coded[2 * offset : 2 * end].decode("utf-16-le", "replace")
    if names_us(entity, covered, bot):
        yield _Change(offset, True, -length, end, "")
        return
    before, after = _marks(entity, covered)
    if before and offset and before.endswith("\n"):
        before = before if coded[2 * offset - 2 : 2 * offset] == _NEWLINE else f"\n{before}"
    if before:
        yield _Change(offset, True, -length, offset, before)
    if after:
        yield _Change(end, False, -offset, end, after)


def _marks(entity: Object, covered: str) -> tuple[str, str]:
    """What is written before and after the entity's text."""
    kind, url = text(entity.get("type")), _line(text(entity.get("url")))
    if kind == "text_link" and url and url not in covered:
        return "", f" ({url})"
    if kind == "code":
        ticks = fence_of(covered, least=1)
        return ticks, ticks
    if kind == "pre":
        language = re.sub(r"[^\w+#.-]", "", text(entity.get("language")))[:32]
        fence = fence_of(covered)
        return f"{fence}{language}\n", f"{'' if covered.endswith(chr(10)) else chr(10)}{fence}\n"
    return "", ""


def _line(value: str) -> str:
    return " ".join(value.split())
