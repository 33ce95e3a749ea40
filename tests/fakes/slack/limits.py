"""What Slack refuses in a message, with its own error codes. Lengths count as UTF-16 units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.fakes.slack import feedback

TEXT = 40_000
MARKDOWN = 12_000
SECTION = 3_000
BLOCKS = 50
ALL_BLOCKS = 13_200
BUTTON_TEXT = 75
BUTTON_VALUE = 2_000
ID = 255

_KNOWN = frozenset({"actions", "context", "divider", "header", "image", "markdown", "rich_text"})


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def refusal(text: str, blocks: Sequence[Mapping[str, Any]], *, update: bool) -> str | None:
    """The error code for this content, or None. A post's long text is cut, not refused."""
    if not text and not blocks:
        return "no_text"
    if update and units(text) > TEXT:
        return "msg_too_long"
    if len(blocks) > BLOCKS or any(not _is_sound(block) for block in blocks):
        return "invalid_blocks"
    markdown = [str(block["text"]) for block in blocks if block["type"] == "markdown"]
    if sum(map(units, markdown)) > MARKDOWN:
        return "invalid_blocks"
    if sum(units(piece) for block in blocks for piece in _texts(block)) > ALL_BLOCKS:
        return "msg_blocks_too_long"
    return None


def cut(text: str) -> str:
    return text.encode("utf-16-le")[: 2 * TEXT].decode("utf-16-le", "ignore")


def bad_metadata(metadata: object) -> bool:
    if metadata is None:
        return False
    return not (
        isinstance(metadata, dict)
        and isinstance(metadata.get("event_type"), str)
        and isinstance(metadata.get("event_payload"), dict)
    )


def _is_sound(block: Mapping[str, Any]) -> bool:
    text = block.get("text")
    if len(str(block.get("block_id", ""))) > ID:
        return False
    match block.get("type"):
        case "markdown":
            return isinstance(text, str) and bool(text)
        case "section":
            return isinstance(text, dict) and 0 < units(str(text.get("text", ""))) <= SECTION
        case "actions":
            elements = block.get("elements", [])
            return 0 < len(elements) <= 25 and all(map(_is_sound_button, elements))
        case "context_actions":
            return feedback.is_sound(block)
        case kind:
            return kind in _KNOWN


def _is_sound_button(element: Mapping[str, Any]) -> bool:
    label = element.get("text", {})
    return (
        element.get("type") == "button"
        and 0 < len(str(element.get("action_id", ""))) <= ID
        and label.get("type") == "plain_text"
        and 0 < units(str(label.get("text", ""))) <= BUTTON_TEXT
        and isinstance(element.get("value", ""), str)
        and units(str(element.get("value", ""))) <= BUTTON_VALUE
    )


def _texts(block: Mapping[str, Any]) -> list[str]:
    text = block.get("text")
    if isinstance(text, dict):
        text = text.get("text")
    own = [text] if isinstance(text, str) else []
    return own + [piece for element in block.get("elements", ()) for piece in _texts(element)]
