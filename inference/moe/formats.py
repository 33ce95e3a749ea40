"""The formats of expert weights that we compute: how a checkpoint holds them, what they become.

`Format` makes room for a matrix of each expert by the names that vLLM's loader makes of the
checkpoint's own, and hands it over as loaded or as tiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from compressed_tensors import CompressionFormat
from compressed_tensors.quantization import QuantizationArgs, QuantizationStrategy, QuantizationType

from inference.kernels.moe.fp8 import Fp8Weights
from inference.kernels.moe.int4 import VALUES_PER_INT32, Int4Weights
from inference.kernels.moe.naive import ExpertWeights
from inference.kernels.moe.tiles import (
    GROUP,
    ExpertMatrix,
    fp8_matrix,
    int4_matrix_from_packed,
    plain_matrix,
)

# Of a parameter, for one expert: its shape and dtype.
Room = tuple[tuple[int, ...], torch.dtype]


class Format(Protocol):
    """`strategy` is how vLLM's loader deals out the scales, in its own words; "" without any."""

    @property
    def strategy(self) -> str: ...

    @property
    def why_no_tiles(self) -> str:
        """What keeps our kernels from it, "" where nothing does."""

    def misfit(self, inner: int) -> str:
        """What keeps even the naive layer from experts with `inner` neurons on this card, or ""."""

    def rooms(self, rows: int, columns: int, dtype: torch.dtype) -> dict[str, Room]:
        """By the ends of their names, for a matrix (rows, columns) in a model of `dtype`.

        Raises ValueError: the parts of a tensor-parallel layer don't keep groups whole.
        """

    def loaded(self, layer: Any, matrix: str) -> ExpertWeights:
        """`matrix` is "w13" or "w2"."""

    def tiles(self, layer: Any, matrix: str) -> ExpertMatrix: ...


@dataclass(frozen=True, slots=True)
class Plain:
    """BF16, FP16 or FP32."""

    strategy: ClassVar[str] = ""
    why_no_tiles: ClassVar[str] = ""

    def misfit(self, inner: int) -> str:
        return ""

    def rooms(self, rows: int, columns: int, dtype: torch.dtype) -> dict[str, Room]:
        return {"weight": ((rows, columns), dtype)}

    def loaded(self, layer: Any, matrix: str) -> torch.Tensor:
        weight: torch.Tensor = getattr(layer, f"{matrix}_weight").data
        return weight

    def tiles(self, layer: Any, matrix: str) -> ExpertMatrix:
        return plain_matrix(self.loaded(layer, matrix), pairs=matrix == "w13")


@dataclass(frozen=True, slots=True)
class Int4:
    """W4A16 in groups of so many columns; see `int4.Int4Weights`."""

    group: int
    symmetric: bool

    strategy: ClassVar[str] = QuantizationStrategy.GROUP.value

    @property
    def why_no_tiles(self) -> str:
        return f"int4 in groups of {self.group}" if self.group % GROUP else ""

    def misfit(self, inner: int) -> str:
        return ""  # vLLM couldn't either: `rooms` says it

    def rooms(self, rows: int, columns: int, dtype: torch.dtype) -> dict[str, Room]:
        if columns % self.group or columns % VALUES_PER_INT32 or rows % VALUES_PER_INT32:
            raise ValueError(
                f"Int4 experts of {rows} x {columns} are not in whole groups of {self.group} on "
                "each part: use fewer tensor-parallel parts, or a checkpoint with smaller groups."
            )
        rooms: dict[str, Room] = {
            "weight_packed": ((rows, columns // VALUES_PER_INT32), torch.int32),
            "weight_scale": ((rows, columns // self.group), dtype),
            "weight_shape": ((2,), torch.int64),
        }
        if not self.symmetric:
            packed = (rows // VALUES_PER_INT32, columns // self.group)
            rooms["weight_zero_point"] = (packed, torch.int32)
        return rooms

    def loaded(self, layer: Any, matrix: str) -> Int4Weights:
        zero_points = getattr(layer, f"{matrix}_weight_zero_point", None)
        return Int4Weights(
            getattr(layer, f"{matrix}_weight_packed").data,
            getattr(layer, f"{matrix}_weight_scale").data,
            None if zero_points is None else zero_points.data,
        )

    def tiles(self, layer: Any, matrix: str) -> ExpertMatrix:
        return int4_matrix_from_packed(self.loaded(layer, matrix), pairs=matrix == "w13")


@dataclass(frozen=True, slots=True)
class Fp8:
    """e4m3 with a scale for each row, or for each `block` of rows and columns.

    The inputs stay as they are: W8A16, whatever the checkpoint says of them.
    """

    block: tuple[int, int] | None = None

    @property
    def strategy(self) -> str:
        strategies = QuantizationStrategy
        return str((strategies.BLOCK if self.block else strategies.CHANNEL).value)

    @property
    def why_no_tiles(self) -> str:
        return f"FP8 in blocks of {self.block}" if self.block and self.block[1] % GROUP else ""

    def misfit(self, inner: int) -> str:
        if self.block is None or not (inner % self.block[0] or inner % self.block[1]):
            return ""
        return f"FP8 in blocks of {self.block} that {inner} neurons don't fill"

    def rooms(self, rows: int, columns: int, dtype: torch.dtype) -> dict[str, Room]:
        down, along = self.block or (1, columns)
        scales = (-(-rows // down), -(-columns // along))
        return {
            "weight": ((rows, columns), torch.float8_e4m3fn),
            "weight_scale": (scales, torch.float32),
        }

    def loaded(self, layer: Any, matrix: str) -> Fp8Weights:
        values = getattr(layer, f"{matrix}_weight").data
        return Fp8Weights(values, getattr(layer, f"{matrix}_weight_scale").data, self.block)

    def tiles(self, layer: Any, matrix: str) -> ExpertMatrix:
        weights, pairs = self.loaded(layer, matrix), matrix == "w13"
        return fp8_matrix(weights.values, weights.scales, block=self.block, pairs=pairs)


def format_of(quant_config: Any, layer: Any, prefix: str) -> Format | str:
    """The format of a layer's experts; a string says what they are that we don't compute.

    A checkpoint names the experts' projections as linears of their own, so it is asked about them.
    `quant_config` is vLLM's, None for a model without one.
    """
    if quant_config is None:
        return Plain()
    name = quant_config.get_name()
    if name != "compressed-tensors":
        return f"the quantization {name}"
    quant_config._add_fused_moe_to_target_scheme_map()
    names = (layer.ckpt_gate_proj_name, layer.ckpt_up_proj_name, layer.ckpt_down_proj_name)
    schemes = [quant_config.get_scheme_dict(layer, f"{prefix}.0.{name}") for name in names]
    first = schemes[0]
    if any(scheme != first for scheme in schemes):
        return "projections of different formats"
    return Plain() if first is None else _of_scheme(first)


def _of_scheme(scheme: dict[str, Any]) -> Format | str:
    weights: QuantizationArgs = scheme["weights"]
    inputs: QuantizationArgs | None = scheme.get("input_activations")
    packed = scheme["format"] == CompressionFormat.pack_quantized.value
    static = weights is not None and not weights.dynamic
    if not static or scheme.get("output_activations") is not None:
        return "a quantization that compressed-tensors does as it goes"
    if weights.type == QuantizationType.INT and weights.num_bits == 4 and packed:
        grouped = weights.strategy == QuantizationStrategy.GROUP and weights.group_size
        if inputs is not None or not grouped:
            return "int4 in another form than groups of columns, or with quantized inputs"
        return Int4(weights.group_size, bool(weights.symmetric))
    if weights.type == QuantizationType.FLOAT and weights.num_bits == 8 and weights.symmetric:
        return _of_fp8(weights, inputs)
    kind = str(getattr(weights.type, "value", weights.type))
    return f"{kind} weights of {weights.num_bits} bits ({scheme['format']})"


def _of_fp8(weights: QuantizationArgs, inputs: QuantizationArgs | None) -> Format | str:
    if inputs is not None and not inputs.dynamic:
        return "FP8 with scales of the inputs in the checkpoint"
    if weights.strategy == QuantizationStrategy.CHANNEL:
        return Fp8()
    if weights.strategy == QuantizationStrategy.BLOCK and weights.block_structure:
        down, along = weights.block_structure
        return Fp8((down, along))
    return f"FP8 by {getattr(weights.strategy, 'value', weights.strategy)}"
