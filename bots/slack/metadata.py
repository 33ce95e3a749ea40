"""What a reply's message carries so that it is found again when the answer to its post was lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EVENT_TYPE = "outrider_turn"


def metadata(key: str) -> dict[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {"reply": key}}


def key_of(message: Mapping[str, Any]) -> str:
    """Empty for a message that carries none of ours."""
    given = message.get("metadata")
    if not isinstance(given, dict) or given.get("event_type") != EVENT_TYPE:
        return ""
    return str((given.get("event_payload") or {}).get("reply", ""))


def is_begun(message: Mapping[str, Any]) -> bool:
    """A stream in which nothing stands yet. Slack takes what it carries only at its end."""
    return not any(message.get(part) for part in ("text", "blocks", "metadata", "files"))
