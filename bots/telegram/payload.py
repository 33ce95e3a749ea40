"""Reading a payload that may be anything: a field of the wrong type reads as if it were absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Object = Mapping[str, Any]

_LARGEST = 2**63 - 1


def mapping(value: object) -> Object:
    return value if isinstance(value, dict) else {}


def items(value: object) -> Sequence[Object]:
    """The objects in a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def number(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if abs(value) <= _LARGEST else None


def text(value: object) -> str:
    return value if isinstance(value, str) else ""
