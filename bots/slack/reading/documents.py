"""What a file is, by what Slack says of it, and where it lies. Pure; any JSON gives a value.

Source: docs.slack.dev, "File object".
"""

from __future__ import annotations

from dataclasses import dataclass

from assistant.files.attachments import IMAGE_BYTES, IMAGE_TYPES
from assistant.messages import Attachment
from assistant.phrases import Phrase
from bots.documents import attached
from bots.slack.reading.payload import Object, size, text
from bots.slack.reading.text import storable

IMAGE_SIDE = 2048  # pixels; a model gets nothing from more

# Slack's own smaller copies of a picture, the largest first
_COPIES = ("thumb_1024", "thumb_960", "thumb_800", "thumb_720", "thumb_480", "thumb_360")
_ELSEWHERE = Phrase("content.document")
_NOT_TO_BE_HAD = Phrase("content.not_fetched")


@dataclass(frozen=True, slots=True)
class SlackFile:
    """`words`: how to call it. `attachment` or `refusal`, which says why it can't be taken.
    `address`: where the attachment is fetched."""

    words: str
    attachment: Attachment | None = None
    refusal: Phrase | None = None
    address: str = ""


def slack_file(described: Object) -> SlackFile | None:
    """None for one that was deleted, and for what is no file."""
    file_id, mode = storable(text(described, "id")), text(described, "mode")
    if not file_id or mode == "tombstone":
        return None
    name = storable(text(described, "name") or text(described, "title"))
    called = f"A file named {' '.join(name.split())}" if name.strip() else "A file"
    if mode == "external" or described.get("is_external") is True:
        return SlackFile(f"A link to {called[0].lower()}{called[1:]}", refusal=_ELSEWHERE)
    address = text(described, "url_private_download") or text(described, "url_private")
    if mode == "hidden_by_limit" or must_be_asked_for(described) or not address:
        return SlackFile(called, refusal=_NOT_TO_BE_HAD)
    kind = text(described, "mimetype").lower()
    if kind.startswith("image/") and (copy := _smaller_copy(described, kind)):
        return SlackFile(called, Attachment("image", file_id, name, "image/jpeg"), address=copy)
    if mode == "snippet":
        kind = "text/plain"
    words, attachment, refusal = attached(file_id, name, kind, size(described, "size"))
    return SlackFile(words, attachment, refusal, address)


def must_be_asked_for(described: Object) -> bool:
    """Slack tells nothing of a file that came by Slack Connect until it is asked."""
    return text(described, "file_access") == "check_file_info"


def _smaller_copy(described: Object, kind: str) -> str:
    """Where a copy lies, for a picture that is too big, or of a kind that models don't know."""
    sides = size(described, "original_w"), size(described, "original_h")
    fits = size(described, "size") <= IMAGE_BYTES and max(sides) <= IMAGE_SIDE
    if fits and kind in IMAGE_TYPES:
        return ""
    copies = (text(described, key) for key in _COPIES)
    return next(filter(None, copies), "")
