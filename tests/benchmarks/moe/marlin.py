"""vLLM's Marlin, from its compiled library: `_moe_C*.abi3.so` of a wheel with CUDA.

Its operators are called as `MarlinExperts` of vLLM 0.32 calls them, but for one thing: the input is
not weighted before, so that the router's weight counts once. The weights are put in Marlin's order
here, since vLLM's own program for that is in another library, many times as large.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

from inference.kernels.moe.int4 import Int4Weights, pack
from tests.benchmarks.moe.absent import NotThere, reason
from tests.benchmarks.moe.aligned import room
from tests.benchmarks.moe.gated import gated
from tests.benchmarks.moe.weights import Weights, codes

UINT4B8 = 4 << 8 | 8 << 17 | 1 << 50  # vLLM's number for four bits whose zero is 8
_BLOCKS_PER_MULTIPROCESSOR = 4  # so much room do its locks need
_BLOCK_SIZES = (8, 16, 32, 48, 64)


@dataclass(frozen=True, slots=True)
class Marlin:
    """A layer in Marlin's order, and the operators. `locks` are zero before and after a call."""

    operators: Any
    w13: torch.Tensor
    w2: torch.Tensor
    scales13: torch.Tensor
    scales2: torch.Tensor
    locks: torch.Tensor


def ready(library: Path | None, layer: Weights) -> Callable[..., Callable[[], torch.Tensor]]:
    return partial(call_once, loaded(library, layer))


def loaded(library: Path | None, layer: Weights) -> Marlin:
    operators = _operators(library)
    device = layer.w13.packed.device
    units = torch.cuda.get_device_properties(device).multi_processor_count
    return Marlin(
        operators,
        *(_matrix(one) for one in (layer.w13, layer.w2)),
        *(in_order_scales(one.scales) for one in (layer.w13, layer.w2)),
        torch.zeros(units * _BLOCKS_PER_MULTIPROCESSOR, dtype=torch.int32, device=device),
    )


@cache
def _operators(library: Path | None) -> Any:
    if library is None:
        raise NotThere("give vLLM's compiled library (_moe_C*.abi3.so of a CUDA wheel): --marlin")
    if not library.is_file():
        raise NotThere("the library that was given with --marlin is not there")
    if not torch.cuda.is_available():
        raise NotThere("Marlin needs a GPU")
    try:
        torch.ops.load_library(str(library))
        operators = torch.ops._moe_C
        _ = operators.moe_wna16_marlin_gemm, operators.moe_align_block_size
    except (OSError, AttributeError, RuntimeError) as error:
        raise NotThere(f"its library can't be loaded beside torch: {reason(error)}") from error
    return operators


def _matrix(weights: Int4Weights) -> torch.Tensor:
    """(E, K/16, 2N) int32."""
    return torch.cat([in_order(codes(weights, one)[0] + 8) for one in range(len(weights))])


def in_order(values: torch.Tensor) -> torch.Tensor:
    """Codes (N, K) of 0 to 15 as Marlin reads them, (1, K/16, 2N) int32.

    A word is what one thread of a warp needs of 16 columns of K and 16 rows of N for the tensor
    core's instruction, and the words of four such squares lie together: 16 bytes.
    """
    rows, columns = values.shape
    # K = 16 · k + 8 · hi + 2 · q + lo;  N = 64 · n + 16 · j + 8 · b + c;  thread = 4 · c + q
    parts = values.view(rows // 64, 4, 2, 8, columns // 16, 2, 4, 2)  # n j b c  k hi q lo
    words = pack(parts.permute(4, 0, 3, 6, 1, 7, 2, 5).reshape(1, columns // 16, -1, 8))
    return words.flatten(2)


def in_order_scales(scales: torch.Tensor) -> torch.Tensor:
    """(E, N, G) -> (E, G, N), in each 64 rows those that one thread needs together."""
    eights = scales.transpose(1, 2).unflatten(2, (-1, 8, 8))
    return eights.transpose(3, 4).flatten(2).contiguous()


def call_once(
    layer: Marlin, x: torch.Tensor, weights: torch.Tensor, ids: torch.Tensor
) -> Callable[[], torch.Tensor]:
    """The router's weight in the first product, as `mul_topk_weights` asks for."""
    experts, hidden, inner = len(layer.w13), x.shape[1], layer.w2.shape[1] * 16

    def call() -> torch.Tensor:
        places = _aligned(layer.operators, ids, experts)
        both = _product(layer, x, layer.w13, layer.scales13, places, weights, True, 2 * inner)
        return _product(layer, gated(both), layer.w2, layer.scales2, places, weights, False, hidden)

    return call


def _aligned(operators: Any, ids: torch.Tensor, experts: int) -> tuple[int, tuple[Any, ...]]:
    """The block's size, and tokens, experts and how many of `aligned.Aligned`, made on the GPU."""
    tokens = len(ids)
    fitting = (one for one in _BLOCK_SIZES if tokens / experts / one < 0.9)
    block = next(fitting, _BLOCK_SIZES[-1])
    places = room(tokens, experts, block)
    made = tuple(ids.new_empty(size) for size in (places, -(-places // block), 1))
    operators.moe_align_block_size(ids, experts, block, *made, None, None)
    return block, made


def _product(
    layer: Marlin,
    a: torch.Tensor,
    matrix: torch.Tensor,
    scales: torch.Tensor,
    aligned: tuple[int, tuple[Any, ...]],
    weights: torch.Tensor,
    weighted: bool,
    columns: int,
) -> torch.Tensor:
    (tokens, depth), (block, places) = a.shape, aligned
    out = a.new_empty(tokens, columns)
    result: torch.Tensor = layer.operators.moe_wna16_marlin_gemm(
        *(a, out, matrix, None, scales, None, None, None, layer.locks),
        *places,
        *(weights, block, 1, weighted, UINT4B8, tokens, columns, depth),
        *(False, True, False, -1, -1, -1),  # atomics, sums in fp32, zero points as floats; its cut
    )
    return result
