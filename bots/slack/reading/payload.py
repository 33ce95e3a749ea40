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


def text(fields: Object, key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def size(fields: Object, key: str) -> int:
    """A number that is not negative; 0 for what is none."""
    value = fields.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return value if 0 <= value <= _LARGEST else 0
