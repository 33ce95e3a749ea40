"""Our quantization method for vLLM's routed experts, whatever the format of their weights."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from vllm.model_executor.layers.fused_moe.fused_moe_method_base import FusedMoEMethodBase
from vllm.model_executor.utils import set_weight_attrs

from inference.kernels.moe.int4 import Int4Weights
from inference.kernels.moe.naive import ExpertWeights
from inference.kernels.moe.op import LoadedExperts, Operands, apply, operands, tilings
from inference.kernels.moe.tiles import ExpertMatrix
from inference.moe.formats import Format

if TYPE_CHECKING:
    from inference.kernels.moe.layer import Experts


@dataclass(frozen=True, slots=True)
class Repacking:
    """What making a layer's tiles took. `beside_bytes`: the most memory beside what was loaded;
    0 where the device doesn't tell."""

    seconds: float
    loaded_bytes: int
    tiles_bytes: int
    beside_bytes: int


class OutriderMoEMethod(FusedMoEMethodBase):  # type: ignore[misc]
    """vLLM loads the weights and routes, we compute, vLLM adds up what cards and the shared expert
    make.

    vLLM hands over `x` unscaled: the router's weight is multiplied in here, exactly once.
    `tiles`: for our kernels; else the naive layer computes on the weights as loaded.
    """

    _experts: Operands  # once the weights are loaded

    def __init__(self, moe_config: Any, format: Format, *, tiles: bool, tables: str = "") -> None:
        super().__init__(moe_config)
        self._format = format
        self._tiles = tiles
        self._tables = tables
        self.repacking: Repacking | None = None

    def create_weights(
        self,
        layer: Any,
        num_experts: int,
        hidden_size: int,
        intermediate_size_per_partition: int,
        params_dtype: torch.dtype,
        **attributes: Any,
    ) -> None:
        """Room for what the checkpoint holds, by the names that vLLM's loader makes of its own."""
        attributes |= {"is_transposed": False, "quant_method": self._format.strategy}
        half = intermediate_size_per_partition
        for matrix, rows, columns in (("w13", 2 * half, hidden_size), ("w2", hidden_size, half)):
            rooms = self._format.rooms(rows, columns, params_dtype)
            for name, (shape, dtype) in rooms.items():
                room = torch.nn.Parameter(
                    torch.zeros(num_experts, *shape, dtype=dtype), requires_grad=False
                )
                layer.register_parameter(f"{matrix}_{name}", room)
                set_weight_attrs(room, attributes)

    def process_weights_after_loading(self, layer: Any) -> None:
        """Repack this layer and let go of what was loaded: two copies of all would not fit."""
        if self._tiles:
            self._experts = operands(self._repacked(layer))
        else:
            loaded = (self._held(layer, matrix) for matrix in ("w13", "w2"))
            self._experts = operands(LoadedExperts(*loaded))

    def get_fused_moe_quant_config(self, layer: Any) -> None:
        """Of no use: it describes weights to vLLM's own kernels."""

    def apply(
        self,
        layer: Any,
        x: torch.Tensor,
        topk_weights: torch.Tensor,
        topk_ids: torch.Tensor,
        shared_experts: Any,
        shared_experts_input: torch.Tensor | None,
    ) -> torch.Tensor:
        """The sum of this card's routed experts, (T, H)."""
        if layer.expert_map is not None:  # expert parallel: ours by their places here, others -1
            topk_ids = layer.expert_map[topk_ids.long()]
        return apply(
            x,
            self._experts,
            topk_weights,
            topk_ids,
            layer.calls,
            weight_on_input=layer.apply_router_weight_on_input,
            tables=self._tables,
        )

    def warm_up(self, layer: Any, most_tokens: int) -> None:
        """Have compiled what up to so many tokens may need, so that no prompt waits for it."""
        device = layer.calls.device
        edges = {min(one.most_tokens, most_tokens) for one in tilings(device, self._tables)}
        # Triton compiles anew for one, and for numbers that sixteen divides.
        for count in sorted({1} | edges | {edge - 1 for edge in edges if edge > 1}):
            x = torch.zeros(count, layer.hidden_size, dtype=self.moe.in_dtype, device=device)
            ids = torch.zeros(count, 1, dtype=torch.int32, device=device)
            self.apply(layer, x, torch.ones_like(ids, dtype=torch.float32), ids, None, None)

    def _repacked(self, layer: Any) -> Experts:
        from inference.kernels.moe.layer import Experts

        device = next(layer.parameters()).device
        memory = _Memory(device)
        began, loaded = time.perf_counter(), _bytes(layer)
        w13 = self._replaced(layer, "w13")
        w2 = self._replaced(layer, "w2")
        beside = memory.most()  # waits for the card
        seconds = time.perf_counter() - began
        self.repacking = Repacking(seconds, loaded, w13.nbytes + w2.nbytes, beside)
        return Experts(w13, w2, layer.intermediate_size_per_partition)

    def _held(self, layer: Any, matrix: str) -> ExpertWeights:
        """As loaded; on a CPU int4 as plain numbers, which costs memory and spares each step the
        unpacking (as `vllm_engine/linear_override.py` does)."""
        weights = self._format.loaded(layer, matrix)
        if not isinstance(weights, Int4Weights) or weights.packed.device.type != "cpu":
            return weights
        dense = torch.stack([weights[one] for one in range(len(weights))])
        _forget(layer, matrix)
        layer.register_buffer(f"{matrix}_weight", dense, persistent=False)
        return dense

    def _replaced(self, layer: Any, matrix: str) -> ExpertMatrix:
        """A matrix as tiles, which are the layer's buffers from now on: they count as weights."""
        tiles = self._format.tiles(layer, matrix)
        _forget(layer, matrix)
        for name, part in (
            ("tiles", tiles.tiles),
            ("scales", tiles.scales),
            ("zeros", tiles.zeros),
        ):
            if part is not None:
                layer.register_buffer(f"{matrix}_{name}", part, persistent=False)
        return tiles


class OutriderCompressedTensorsMoEMethod(OutriderMoEMethod):
    """vLLM's loader looks at the class's name: "CompressedTensors" must stay in it."""


class _Memory:
    """How far a card's memory goes up from here."""

    def __init__(self, device: torch.device) -> None:
        self._device = device if device.type == "cuda" else None
        if self._device is not None:
            torch.cuda.synchronize(self._device)
            torch.cuda.reset_peak_memory_stats(self._device)
            self._before = torch.cuda.memory_allocated(self._device)

    def most(self) -> int:
        if self._device is None:
            return 0
        torch.cuda.synchronize(self._device)
        return int(torch.cuda.max_memory_allocated(self._device) - self._before)


def _forget(layer: Any, matrix: str) -> None:
    """Let go of what was loaded of a matrix."""
    for name in [name for name, _ in layer.named_parameters() if name.startswith(f"{matrix}_")]:
        delattr(layer, name)


def _bytes(layer: Any) -> int:
    return sum(one.numel() * one.element_size() for one in layer.parameters())
