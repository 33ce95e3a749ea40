"""vLLM's Triton kernel for W4A16, taken from its package's source as it lies there.

Called as vLLM's `TritonWNA16Experts` calls it, with its default cut. What aligns tokens to blocks
is compiled code of vLLM's: it is done before, and its time is not counted, in its favour.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
import triton
import triton.language as tl

from inference.kernels.moe.int4 import Int4Weights
from inference.kernels.moe.tiles import GROUP
from tests.benchmarks.moe.absent import NotThere
from tests.benchmarks.moe.aligned import Aligned, aligned
from tests.benchmarks.moe.gated import gated
from tests.benchmarks.moe.weights import Weights

_SOURCE = Path("model_executor/layers/fused_moe/fused_moe.py")
_KERNELS = ("write_zeros_to_output", "fused_moe_kernel_gptq_awq")
_TYPES = {torch.bfloat16: tl.bfloat16, torch.float16: tl.float16, torch.float32: tl.float32}


def ready(vllm: Path | None, layer: Weights) -> Callable[..., Callable[[], torch.Tensor]]:
    """`vllm`: the folder of its package, or the file that has the kernel."""
    return partial(_call, _kernel(_source(vllm)), layer)


def _source(vllm: Path | None) -> Path:
    if vllm is None:
        installed = importlib.util.find_spec("vllm")
        if installed is None or installed.origin is None:
            raise NotThere("vLLM is not installed: give its package's folder with --vllm")
        vllm = Path(installed.origin).parent
    file = vllm if vllm.is_file() else vllm / _SOURCE
    if not file.is_file():
        raise NotThere(f"there is no {_SOURCE} in the folder given with --vllm")
    return file


@cache
def _kernel(source: Path) -> Any:
    """Importing all of vLLM's module would need all of vLLM: the kernel needs Triton alone."""
    text = source.read_text()
    found = {one.name: one for one in ast.parse(text).body if isinstance(one, ast.FunctionDef)}
    missing = [name for name in _KERNELS if name not in found]
    if missing:
        raise NotThere(f"this vLLM has no {missing[0]}")
    lines = text.splitlines()
    parts = [
        "\n".join(lines[one.decorator_list[0].lineno - 1 : one.end_lineno])
        for one in (found[name] for name in _KERNELS)
    ]
    head = "import triton\nimport triton.language as tl"
    return getattr(_module("\n\n\n".join([head, *parts]) + "\n"), _KERNELS[1])


def _module(text: str) -> Any:
    """Triton reads a kernel's source from its file, so there must be one, to the end."""
    folder = tempfile.mkdtemp(prefix="vllm-kernel-")
    file = Path(folder) / "vllm_w4a16.py"
    file.write_text(text)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def _cut(tokens: int, experts: int) -> Mapping[str, int]:
    """As vLLM cuts where no tuned file fits."""
    few = tokens <= max(20, 6 * experts)
    rows = 16 if few else 32 if tokens <= 40 else 64
    tile = {"BLOCK_SIZE_N": 32, "BLOCK_SIZE_K": 64}
    if tokens > 1:
        tile = {"BLOCK_SIZE_N": 64, "BLOCK_SIZE_K": 32}
    return {"BLOCK_SIZE_M": rows, "GROUP_SIZE_M": 1, "SPLIT_K": 1, **tile}


def _call(
    kernel: Any, layer: Weights, x: torch.Tensor, weights: torch.Tensor, ids: torch.Tensor
) -> Callable[[], torch.Tensor]:
    cut = _cut(len(x), layer.shape.experts)
    blocks = aligned(ids, layer.shape.experts, cut["BLOCK_SIZE_M"])

    def call() -> torch.Tensor:
        weighted = x * weights.to(x.dtype)
        both = _product(kernel, weighted, layer.w13, blocks, cut)
        return _product(kernel, gated(both), layer.w2, blocks, cut)

    return call


def _product(
    kernel: Any, a: torch.Tensor, matrix: Int4Weights, blocks: Aligned, cut: Mapping[str, int]
) -> torch.Tensor:
    tokens, columns = a.shape
    rows = matrix.packed.shape[1]
    c = torch.empty(tokens, rows, dtype=a.dtype, device=a.device)
    b = matrix.packed.view(torch.uint8)  # (E, N, K/2), the lower nibble first
    most = len(blocks.tokens)
    if tokens < cut["BLOCK_SIZE_M"]:
        most = min(most, tokens * cut["BLOCK_SIZE_M"])
    grid = (triton.cdiv(most, cut["BLOCK_SIZE_M"]) * triton.cdiv(rows, cut["BLOCK_SIZE_N"]),)
    kernel[grid](
        *(a, b, c, matrix.scales, None, None),
        *(blocks.tokens, blocks.experts, blocks.padded),
        *(rows, columns, most, tokens),
        *(a.stride(0), a.stride(1), b.stride(0), b.stride(2), b.stride(1)),
        *(c.stride(0), c.stride(1)),
        *(matrix.scales.stride(0), matrix.scales.stride(2), matrix.scales.stride(1)),
        *(0, 0, 0),
        block_k_diviable=columns % cut["BLOCK_SIZE_K"] == 0,
        group_size=GROUP,
        MUL_ROUTED_WEIGHT=False,
        top_k=1,
        compute_type=_TYPES[a.dtype],
        has_zp=False,
        use_int4_w4a16=True,
        use_int8_w8a16=False,
        **cut,
    )
    return c
