"""What Slack refuses in a message, with its own error codes. Lengths count as UTF-16 units, where
nothing else is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.fakes.slack.blocks import faults, units
from tests.fakes.slack.refused import Refused

TEXT = 40_000
UPDATED_TEXT = 4_000  # bytes of UTF-8: Slack's page says characters, but was seen to count these
MARKDOWN = 12_000
BLOCKS = 50
VIEW_BLOCKS = 100
ALL_BLOCKS = 13_200


def refusal(text: str, blocks: Sequence[Mapping[str, Any]], *, update: bool) -> str | None:
    """The error code for this content, or None. A post's long text is cut, not refused."""
    try:
        check(text, blocks, update=update)
    except Refused as refused:
        return refused.code
    return None


def check(text: str, blocks: Sequence[Mapping[str, Any]], *, update: bool) -> None:
    """Raises Refused with Slack's code, and its words where it has some."""
    if not text and not blocks:
        raise Refused("no_text")
    if update and len(text.encode("utf-8", "surrogatepass")) > UPDATED_TEXT:
        raise Refused("msg_too_long")
    check_blocks(blocks, BLOCKS)


def check_blocks(blocks: Sequence[Mapping[str, Any]], most: int) -> None:
    if not isinstance(blocks, list | tuple) or not all(isinstance(one, dict) for one in blocks):
        raise Refused("invalid_blocks_format")
    if len(blocks) > most:
        raise Refused("invalid_blocks", [f"no more than {most} items allowed [/blocks]"])
    if found := faults(blocks):
        raise Refused("invalid_blocks", found)
    markdown = [str(block["text"]) for block in blocks if block["type"] == "markdown"]
    if sum(map(units, markdown)) > MARKDOWN:
        raise Refused("invalid_blocks", [f"markdown blocks exceed {MARKDOWN} characters"])
    if sum(units(piece) for block in blocks for piece in _texts(block)) > ALL_BLOCKS:
        raise Refused("msg_blocks_too_long")


def cut(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass")[: 2 * TEXT].decode("utf-16-le", "ignore")


def bad_metadata(metadata: object) -> bool:
    if metadata is None:
        return False
    return not (
        isinstance(metadata, dict)
        and isinstance(metadata.get("event_type"), str)
        and isinstance(metadata.get("event_payload"), dict)
    )


def _texts(block: Mapping[str, Any]) -> list[str]:
    text = block.get("text")
    if isinstance(text, dict):
        text = text.get("text")
    own = [text] if isinstance(text, str) else []
    inner = [*block.get("elements", ()), *block.get("fields", ())]
    return own + [piece for element in inner for piece in _texts(element)]
