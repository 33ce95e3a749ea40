"""A text cut to what a place in Slack takes, which counts in UTF-16 units. Pure."""

from __future__ import annotations

from bots.graphemes import last_boundary
from bots.slack.split import fitting, utf16_units


def cut(text: str, units: int) -> str:
    """At most so many, with a mark where something is missing, and no character broken."""
    if utf16_units(text) <= units:
        return text
    return text[: last_boundary(text, 0, fitting(text, units - 1))].rstrip() + "…"
