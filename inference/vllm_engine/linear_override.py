"""Int4 linears on a CPU, for vLLM. Only `plugin.register` imports this.

vLLM's own CPU kernel for them takes no float32, and where the CPU has AMX it rounds the inputs to
eight bits too. Here W4A16 is what it says, in every dtype: the weights are dequantized once, at
load, and multiplied by plain torch. That costs memory, not fidelity.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import linear
from vllm.model_executor.kernels.linear import _POSSIBLE_KERNELS, MPLinearKernel
from vllm.model_executor.kernels.linear import MPLinearLayerConfig as LayerConfig
from vllm.platforms import PlatformEnum
from vllm.scalar_type import scalar_types

from inference.kernels.moe.int4 import Int4Weights


class OutriderInt4LinearKernel(MPLinearKernel):  # type: ignore[misc]
    """The names of a layer's tensors are the scheme's, and so is how they lie (`_rows_first`)."""

    @classmethod
    def get_min_capability(cls) -> int:
        return -1  # of a GPU: none

    @classmethod
    def can_implement(cls, c: LayerConfig) -> tuple[bool, str | None]:
        if c.weight_type in (scalar_types.uint4, scalar_types.uint4b8):
            return True, None
        return False, "it knows int4 alone"

    def process_weights_after_loading(self, layer: Any) -> None:
        packed, scales, zeros = self._get_weight_params(layer)
        zero_points = _rows_first(zeros) if self.config.zero_points else None
        weights = Int4Weights(_rows_first(packed), _rows_first(scales), zero_points)
        weight = weights.dequantize().contiguous()
        for name in (self.w_q_name, self.w_s_name, self.w_zp_name):
            if name is not None and hasattr(layer, name):
                delattr(layer, name)
        layer.register_parameter("weight", torch.nn.Parameter(weight, requires_grad=False))

    def apply_weights(
        self, layer: Any, x: torch.Tensor, bias: torch.Tensor | None = None
    ) -> torch.Tensor:
        return linear(x, layer.weight, bias)


def _rows_first(parameter: Any) -> torch.Tensor:
    """As `Int4Weights` has it, by rows of the output: as compressed-tensors stores it. What comes
    from AWQ or GPTQ lies the other way; both pack along the same dimension of the matrix."""
    data: torch.Tensor = parameter.data
    return data if parameter.output_dim == 0 else data.t()


def prefer_our_kernel() -> None:
    """Have vLLM ask ours first on a CPU. Re-entrant.

    Its own `register_linear_kernel` puts a kernel behind those that are there.
    """
    known = _POSSIBLE_KERNELS[PlatformEnum.CPU]
    if OutriderInt4LinearKernel not in known:
        known.insert(0, OutriderInt4LinearKernel)
