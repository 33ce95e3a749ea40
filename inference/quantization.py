"""How a model's weights are stored, in the field's short words. This module imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def quantization_name(quantization_config: Mapping[str, Any] | None, dtype: str) -> str:
    """`W4A16`, `FP8`, …, or the dtype of weights that are not quantized.

    Reads a config.json's `quantization_config`, which is data from outside: whatever it holds,
    there is an answer.
    """
    if not quantization_config:
        return dtype
    method = str(quantization_config.get("quant_method") or "quantized")
    groups = quantization_config.get("config_groups")
    if not isinstance(groups, Mapping):
        return method
    names = {_group(group) for group in groups.values()} - {None}
    return " and ".join(sorted(map(str, names))) or method


def _group(group: Any) -> str | None:
    weights = group.get("weights") if isinstance(group, Mapping) else None
    if not isinstance(weights, Mapping) or not isinstance(weights.get("num_bits"), int):
        return None
    inputs = group.get("input_activations")
    if weights.get("type") == "float" and weights["num_bits"] == 8:
        return "FP8"
    bits = inputs.get("num_bits") if isinstance(inputs, Mapping) else 16
    return f"W{weights['num_bits']}A{bits}"
