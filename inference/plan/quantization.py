"""How a checkpoint's matrices are stored, by its quantization_config: the bytes of any of them.

    int4, group 128     0.5 bytes a value, and a BF16 scale for 128 of them: 0.5156 in all
    int4, asymmetric    a packed zero point beside each scale
    fp8, per channel    1 byte a value, and an FP32 scale for each output row
    fp8, in blocks      1 byte a value, and an FP32 scale for each block

Read are compressed-tensors (pack-quantized, float-quantized, int-quantized, …), fp8, fbgemm_fp8,
gptq and awq; any other method is refused.

Source: vllm/model_executor/layers/quantization @ 0.32 (`should_ignore_layer`, the schemes'
`create_weights`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from inference.errors import PlanRefused
from inference.plan.fields import Fields

_METHODS = ("compressed-tensors", "fp8", "fbgemm_fp8", "gptq", "awq")
_STORED_ONLY = ("compressed-tensors", "fbgemm_fp8", "gptq", "awq")  # never made by vLLM itself
_LONGEST_PATTERN = 1000
_LINEAR = "Linear"  # a target that means every linear layer


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to store a matrix of (rows, columns) = (output, input).

    `group` columns share a scale, all of a row's where it is None; with `block_rows` so many rows
    share it as well (None: all of them). `zero_points`: stored beside the scales, packed.
    `order`: a number for each column that says its group.
    """

    bits: int
    scale_bytes: int = 0
    group: int | None = None
    block_rows: int | None = 1
    zero_points: bool = False
    order: bool = False

    def bytes_of(self, rows: int, columns: int) -> int:
        values = ceil(rows * columns * self.bits / 8)
        if not self.scale_bytes:
            return values
        groups = ceil(columns / self.group) if self.group else 1
        rows_of_scales = ceil(rows / self.block_rows) if self.block_rows else 1
        scales = groups * rows_of_scales
        zeros = ceil(scales * self.bits / 8) if self.zero_points else 0
        return values + scales * self.scale_bytes + zeros + (columns * 4 if self.order else 0)


@dataclass(frozen=True, slots=True)
class _Rule:
    """Names as they are, and regular expressions that match a name's beginning."""

    exact: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]

    def holds(self, name: str) -> bool:
        return name in self.exact or any(one.match(name) for one in self.patterns)


@dataclass(frozen=True, slots=True)
class Quantization:
    """`label` is what people call it. `groups`: the first whose rule names a matrix stores it.

    `int4_dequantized`: on a CPU what is in four bits is dequantized when it is loaded
    (`vllm_engine/linear_override.py`, `moe/methods.py`), so it is counted as it is held.
    """

    label: str
    plain: Scheme
    groups: tuple[tuple[_Rule, Scheme], ...] = ()
    ignored: _Rule = _Rule(frozenset(), ())
    fp8_cache: bool = False  # the checkpoint brings scales for an FP8 KV cache
    int4_dequantized: bool = False

    def scheme_of(self, name: str) -> Scheme:
        """Of a linear layer by its name in the checkpoint."""
        found = self._stored(name)
        return self.plain if found.bits == 4 and self.int4_dequantized else found

    def _stored(self, name: str) -> Scheme:
        names = (name, _as_saved_lately(name))
        if any(self.ignored.holds(one) for one in names):
            return self.plain
        for rule, scheme in self.groups:
            if _LINEAR in rule.exact or any(rule.holds(one) for one in names):
                return scheme
        return self.plain


def read_quantization(
    config: Mapping[str, Any], dtype_bytes: int, served: str = ""
) -> Quantization:
    """`served`: the method that the profile sets, "" for the config's own. Raises PlanRefused for a
    method, or a value, that isn't known."""
    plain = Scheme(bits=8 * dtype_bytes)
    outer = Fields(config)
    text = outer.within("text_config")
    found = outer.within("quantization_config") or (text and text.within("quantization_config"))
    if not found and served and served not in _STORED_ONLY:
        raise PlanRefused(
            f"The plan doesn't know what vLLM makes of a model that it quantizes as it loads it "
            f"(quantization = {served!r}): name a model that is stored so, or leave that away."
        )
    if not found:
        return Quantization({2: "BF16", 4: "FP32"}.get(dtype_bytes, ""), plain)
    method = found.text("quant_method")
    if method == "compressed-tensors":
        return _compressed_tensors(found, plain)
    if method not in _METHODS:
        raise PlanRefused(
            f"The plan doesn't know the quantization {method!r}: it reads {', '.join(_METHODS)}."
        )
    left_out = found.texts("modules_to_not_convert") or found.texts("ignored_layers")
    rule = _rule([f"re:.*{re.escape(name)}(\\.|$)" for name in (*left_out, "lm_head")])
    everything = _Rule(frozenset((_LINEAR,)), ())
    label, scheme = _whole(method, found)
    return Quantization(label, plain, ((everything, scheme),), rule)


def _whole(method: str, found: Fields) -> tuple[str, Scheme]:
    """The one scheme of methods that have only one."""
    if method == "fbgemm_fp8":
        return "FP8", Scheme(8, scale_bytes=4)
    if method == "fp8":
        block = found.numbers("weight_block_size")
        if not block:
            return "FP8", Scheme(8, scale_bytes=4, block_rows=None)
        if len(block) != 2 or min(block) < 1:
            raise found.wrong("weight_block_size", "two whole numbers")
        return "FP8", Scheme(8, scale_bytes=4, group=block[1], block_rows=block[0])
    bits = found.count("bits")
    given = found.values.get("group_size")
    group = None if given == -1 else found.count("group_size")
    order = method == "gptq" and found.flag("desc_act", False)
    return f"W{bits}A16", Scheme(bits, 2, group, zero_points=True, order=order)


def _compressed_tensors(found: Fields, plain: Scheme) -> Quantization:
    groups = found.within("config_groups")
    if groups is None or not groups.values:
        raise PlanRefused(f"{found.place} has no config_groups, without which nothing is planned.")
    schemes: list[tuple[_Rule, Scheme]] = []
    labels: list[str] = []
    for name in groups.values:
        group = groups.within(name)
        weights = group and group.within("weights")
        if group is None or weights is None:
            continue  # this group quantizes activations alone
        schemes.append((_rule(group.texts("targets")), _scheme(weights)))
        labels.append(_label(weights, group.within("input_activations")))
    cache = found.within("kv_cache_scheme")
    return Quantization(
        label=" and ".join(dict.fromkeys(labels)) or "BF16",
        plain=plain,
        groups=tuple(schemes),
        ignored=_rule(found.texts("ignore")),
        fp8_cache=cache is not None and cache.count("num_bits") == 8,
    )


def _scheme(weights: Fields) -> Scheme:
    bits, kind = weights.count("num_bits"), weights.text("type", "int")
    strategy = weights.text("strategy", "tensor")
    zero_points = not weights.flag("symmetric", True)
    scale_bytes = 2 if kind == "int" else {8: 4, 4: 1}.get(bits, 4)
    order = weights.values.get("actorder") == "group"
    if strategy in ("group", "tensor_group"):
        group = weights.count("group_size")
        return Scheme(bits, scale_bytes, group, zero_points=zero_points, order=order)
    if strategy == "channel":
        return Scheme(bits, scale_bytes, zero_points=zero_points)
    if strategy == "block":
        block = weights.numbers("block_structure")
        if len(block) != 2 or min(block) < 1:
            raise weights.wrong("block_structure", "two whole numbers")
        return Scheme(bits, scale_bytes, group=block[1], block_rows=block[0])
    if strategy == "tensor":
        return Scheme(bits, scale_bytes, block_rows=None, zero_points=zero_points)
    raise weights.wrong("strategy", "one of tensor, channel, group, block")


def _label(weights: Fields, activations: Fields | None) -> str:
    bits, kind = weights.count("num_bits"), weights.text("type", "int")
    if kind == "float":
        return f"FP{bits}"
    return f"W{bits}A{activations.count('num_bits') if activations else 16}"


def _rule(entries: Sequence[str]) -> _Rule:
    """`re:` begins a regular expression, as in compressed-tensors; anything else is a name."""
    patterns = []
    for entry in entries:
        if entry.startswith("re:"):
            patterns.append(_compiled(entry[3:]))
    exact = frozenset(entry for entry in entries if not entry.startswith("re:"))
    return _Rule(exact, tuple(patterns))


def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) <= _LONGEST_PATTERN:
        try:
            return re.compile(pattern)
        except re.error:
            pass
    raise PlanRefused(
        f"quantization_config names layers by {pattern[:60]!r}, which is no regular expression "
        "that can be read: check the model's files."
    )


def _as_saved_lately(name: str) -> str:
    """Newer releases of transformers save `language_model.model.x` as `model.language_model.x`."""
    if name.startswith("language_model.model."):
        return "model.language_model." + name.removeprefix("language_model.model.")
    return name.removeprefix("language_model.") if name == "language_model.lm_head" else name
