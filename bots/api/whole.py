"""Whole numbers as JSON has them."""

from __future__ import annotations

from pydantic import BeforeValidator


def _whole(value: object) -> object:
    """JSON does not tell 1.0 from 1, and some clients write the former."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = BeforeValidator(_whole)
