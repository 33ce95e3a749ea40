"""Why a provider has no figure."""

from __future__ import annotations


class NotThere(Exception):
    """A provider can't be had here. Its text is the reason, for the table."""


def reason(error: BaseException) -> str:
    """In one line."""
    if isinstance(error, NotThere):
        return str(error)
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:200]
