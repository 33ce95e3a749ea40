"""Lists as people set them: with commas, with spaces, as a list, or one alone."""

from __future__ import annotations


def listed(value: object) -> object:
    """The items, none of which holds a space. What is no list of texts or numbers stays."""
    given = value if isinstance(value, list | tuple) else (value,)
    if not all(isinstance(one, str | int) for one in given):
        return value
    return tuple(item for one in given for item in str(one).replace(",", " ").split())
