"""Int4 linears on a CPU, by vLLM's own classes for them: each way to store them means the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm", reason="not installed")

import torch
from vllm.config import VllmConfig, set_current_vllm_config
from vllm.distributed import parallel_state
from vllm.model_executor.kernels.linear import _POSSIBLE_KERNELS
from vllm.model_executor.layers.quantization.auto_awq import (
    AutoAWQConfig,
    AutoAWQMarlinLinearMethod,
)
from vllm.model_executor.layers.quantization.auto_gptq import AutoGPTQConfig, AutoGPTQLinearMethod
from vllm.model_executor.layers.quantization.compressed_tensors.schemes import (
    CompressedTensorsWNA16,
)
from vllm.platforms import PlatformEnum, current_platform

from inference.kernels.moe.int4 import MIDDLE, pack
from inference.vllm_engine.linear_override import OutriderInt4LinearKernel, prefer_our_kernel

pytestmark = pytest.mark.skipif(not current_platform.is_cpu(), reason="the kernel is for CPUs")

K, N = 64, 96
AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]


@pytest.fixture(scope="module", autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """vLLM's parameters ask which of a group's processes they are in; here there is one."""
    meeting: Path = tmp_path_factory.mktemp("group") / "meeting"
    known = _POSSIBLE_KERNELS[PlatformEnum.CPU]
    before = list(known)
    prefer_our_kernel()
    with set_current_vllm_config(VllmConfig()):
        parallel_state.init_distributed_environment(1, 0, f"file://{meeting}", 0, "gloo")
        parallel_state.initialize_model_parallel(1, 1)
        yield
        parallel_state.destroy_model_parallel()
        parallel_state.destroy_distributed_environment()
    known[:] = before


@dataclass(frozen=True, slots=True)
class Stored:
    """`values` (K, N) of 0 to 15; `scales` and `zeros` (K/G, N)."""

    values: torch.Tensor
    scales: torch.Tensor
    zeros: torch.Tensor

    def plain(self, *, zeros: bool) -> torch.Tensor:
        """(K, N) in float64."""
        each = K // len(self.scales)
        zero = self.zeros.repeat_interleave(each, 0) if zeros else MIDDLE
        return (self.values - zero).double() * self.scales.double().repeat_interleave(each, 0)


def stored(group: int) -> Stored:
    random = torch.Generator().manual_seed(3)
    groups = 1 if group == -1 else K // group
    return Stored(
        torch.randint(0, 16, (K, N), generator=random),
        torch.rand(groups, N, generator=random),
        torch.randint(0, 16, (groups, N), generator=random),
    )


def awq_packed(values: torch.Tensor) -> torch.Tensor:
    return pack(values.unflatten(-1, (-1, 8))[..., AWQ_ORDER].flatten(-2))


def loaded(method: Any, tensors: dict[str, torch.Tensor]) -> Any:
    layer = torch.nn.Module()
    method.create_weights(
        layer,
        input_size_per_partition=K,
        output_partition_sizes=[N],
        input_size=K,
        output_size=N,
        params_dtype=torch.float32,
        weight_loader=lambda *_: None,
    )
    assert type(method.kernel) is OutriderInt4LinearKernel
    for name, tensor in tensors.items():
        parameter = getattr(layer, name)
        assert parameter.shape == tensor.shape
        parameter.data.copy_(tensor)
    method.process_weights_after_loading(layer)
    return layer


def require_same(apply: Any, layer: Any, expected: torch.Tensor) -> None:
    inputs = torch.randn(5, K, generator=torch.Generator().manual_seed(4))
    bias = torch.arange(N, dtype=torch.float32)
    found = apply(layer, inputs, bias)
    meant = inputs.double() @ expected + bias.double()
    torch.testing.assert_close(found.double(), meant, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("group", [32, -1])
def test_gptqs(group: int) -> None:
    config = {"bits": 4, "group_size": group, "desc_act": False, "sym": True}
    method = AutoGPTQLinearMethod(AutoGPTQConfig.from_config(config | {"quant_method": "gptq"}))
    given = stored(group)
    layer = loaded(method, {"qweight": pack(given.values.T).T, "scales": given.scales})
    require_same(method.apply, layer, given.plain(zeros=False))


@pytest.mark.parametrize("group", [32, -1])
def test_awqs(group: int) -> None:
    config = {"bits": 4, "group_size": group, "zero_point": True, "quant_method": "awq"}
    method = AutoAWQMarlinLinearMethod(AutoAWQConfig.from_config(config))
    given = stored(group)
    tensors = {
        "qweight": awq_packed(given.values),
        "qzeros": awq_packed(given.zeros),
        "scales": given.scales,
    }
    require_same(method.apply, loaded(method, tensors), given.plain(zeros=True))


@pytest.mark.parametrize("symmetric", [True, False])
def test_those_of_compressed_tensors(symmetric: bool) -> None:
    scheme = CompressedTensorsWNA16("group", 4, group_size=32, symmetric=symmetric)
    given = stored(32)
    tensors = {"weight_packed": pack(given.values.T), "weight_scale": given.scales.T}
    if not symmetric:
        tensors["weight_zero_point"] = pack(given.zeros).T
    layer = loaded(scheme, tensors)
    require_same(scheme.apply_weights, layer, given.plain(zeros=not symmetric))
