"""Slack's own buttons for a rating: a `context_actions` block with `feedback_buttons` in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_ELEMENTS = 5


def is_sound(block: Mapping[str, Any]) -> bool:
    elements = block.get("elements", [])
    return 0 < len(elements) <= MOST_ELEMENTS and all(map(_is_sound_rating, elements))


def _is_sound_rating(element: Mapping[str, Any]) -> bool:
    if element.get("type") != "feedback_buttons":
        return False
    return all(_is_sound_side(element.get(f"{one}_button")) for one in ("positive", "negative"))


def _is_sound_side(button: object) -> bool:
    if not isinstance(button, dict):
        return False
    text, value = button.get("text", {}), button.get("value")
    named = text.get("type") == "plain_text" and 0 < len(str(text.get("text", ""))) <= 75
    return bool(named) and isinstance(value, str) and 0 < len(value) <= 2_000
