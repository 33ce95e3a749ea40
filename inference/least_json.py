"""The least JSON that follows a simple schema: what an engine without a model answers with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LEAST: Mapping[str, Any] = {
    "string": "text",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "null": None,
}


def least_json(schema: Any) -> Any:
    """Knows const, enum, anyOf and types; references and bounds it does not know."""
    if not isinstance(schema, dict):
        return {}
    if "const" in schema:
        return schema["const"]
    for name in ("enum", "anyOf", "oneOf"):
        if options := schema.get(name):
            return options[0] if name == "enum" else least_json(options[0])
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "array":
        return [least_json(schema.get("items", {}))] * int(schema.get("minItems", 0))
    if kind == "object":
        known = schema.get("properties", {})
        return {name: least_json(known.get(name)) for name in schema.get("required", ())}
    return _LEAST.get(kind)
