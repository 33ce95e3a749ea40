"""Does vLLM weight Llama 4's routed input twice? One tiny int4 layer, through Marlin.

Needs an NVIDIA GPU of the Hopper kind (compute capability 9.0) and vLLM 0.32 with CUDA, nothing
else: no model, no network. Run it with `python llama4_double_weight.py`; it takes seconds.

Ends with 0: the weight is applied once, as it should be. 1: it is applied twice. 2: not run, and
why. 3: something else came out.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

ONCE, TWICE, NOT_RUN, NEITHER = 0, 1, 2, 3
TOKENS, HIDDEN, INNER, EXPERTS, GROUP = 32, 256, 256, 4, 128
NEEDS = "This needs an NVIDIA GPU of the Hopper kind (H100, H200) and vLLM built for CUDA"


@dataclass(frozen=True)
class Layer:
    """`w1`, `w2`: as Marlin has them; `plain1` (E, 2I, H), `plain2` (E, H, I): what they mean."""

    w1: Any
    w1_scale: Any
    plain1: Any
    w2: Any
    w2_scale: Any
    plain2: Any


def main() -> int:
    if (lacking := what_is_lacking()) is not None:
        print(f"{NEEDS}: {lacking}.")
        return NOT_RUN
    import torch
    from vllm import __version__
    from vllm.config import VllmConfig, set_current_vllm_config
    from vllm.v1.worker.workspace import init_workspace_manager

    print(f"vLLM {__version__} on {torch.cuda.get_device_name()}")
    torch.manual_seed(4)
    init_workspace_manager(torch.device("cuda:0"))
    with set_current_vllm_config(VllmConfig()), torch.inference_mode():
        return compare()


def what_is_lacking() -> str | None:
    if find_spec("torch") is None or find_spec("vllm") is None:
        return "vLLM is not installed"
    import torch

    if not torch.cuda.is_available():
        return "there is no GPU that torch can use"
    if torch.cuda.get_device_capability() != (9, 0):
        return f"this is {torch.cuda.get_device_name()}"
    return None


def compare() -> int:
    import torch

    layer = make_layer()
    x = torch.randn(TOKENS, HIDDEN, device="cuda", dtype=torch.bfloat16)
    ids = torch.randint(EXPERTS, (TOKENS, 1), device="cuda", dtype=torch.int32)
    # As Llama 4's router makes them: one sigmoid for each token, here well away from 0 and 1.
    weights = torch.rand(TOKENS, 1, device="cuda") * 0.4 + 0.3
    once = expected(layer, x * weights.double(), ids)
    twice = expected(layer, x * weights.double() ** 2, ids)
    print(f"{'relative error against the weight applied':42} {'once':>8} {'twice':>8}")
    report("the Marlin function alone", marlin_alone(layer, x, weights, ids), once, twice)
    whole = as_vllm_runs_it(layer, x, weights, ids)
    return report("as vLLM runs a layer", whole, once, twice)


def report(what: str, out: Any, once: Any, twice: Any) -> int:
    errors = [float((out.double() - one).norm() / one.norm()) for one in (once, twice)]
    print(f"{what:42} {errors[0]:8.4f} {errors[1]:8.4f}")
    close = [error < 0.02 for error in errors]
    return {(True, False): ONCE, (False, True): TWICE}.get((close[0], close[1]), NEITHER)


def expected(layer: Layer, weighted: Any, ids: Any) -> Any:
    """The experts in float64, on an input that was weighted already."""
    import torch
    from torch.nn.functional import silu

    out = torch.empty_like(weighted)
    for token, expert in enumerate(ids[:, 0].tolist()):
        gate, up = (layer.plain1[expert].double() @ weighted[token]).chunk(2)
        out[token] = layer.plain2[expert].double() @ (silu(gate) * up)
    return out


def make_layer() -> Layer:
    w1, w1_scale, plain1 = quantized(2 * INNER, HIDDEN)
    w2, w2_scale, plain2 = quantized(HIDDEN, INNER)
    return Layer(w1, w1_scale, plain1, w2, w2_scale, plain2)


def quantized(rows: int, columns: int) -> Any:
    """Random experts (E, rows, columns) in int4, by vLLM's own helper for its tests."""
    import torch
    from vllm.model_executor.layers.quantization.utils.marlin_utils_test import marlin_quantize
    from vllm.scalar_type import scalar_types

    parts = []
    for _ in range(EXPERTS):
        plain = torch.randn(columns, rows, device="cuda", dtype=torch.bfloat16) / columns**0.5
        parts.append(marlin_quantize(plain, scalar_types.uint4b8, GROUP))
    means, packed, scales = (torch.stack(list(one)) for one in zip(*parts, strict=True))
    return packed.contiguous(), scales.contiguous(), means.mT


def marlin_alone(layer: Layer, x: Any, weights: Any, ids: Any) -> Any:
    """`fused_marlin_moe` on the unweighted input, which its first GEMM weights: right."""
    from vllm.model_executor.layers.fused_moe.experts.marlin_moe import fused_marlin_moe
    from vllm.scalar_type import scalar_types

    return fused_marlin_moe(
        hidden_states=x,
        w1=layer.w1,
        w2=layer.w2,
        bias1=None,
        bias2=None,
        w1_scale=layer.w1_scale,
        w2_scale=layer.w2_scale,
        topk_weights=weights,
        topk_ids=ids,
        quant_type_id=scalar_types.uint4b8.id,
        apply_router_weight_on_input=True,
        global_num_experts=EXPERTS,
    )


def as_vllm_runs_it(layer: Layer, x: Any, weights: Any, ids: Any) -> Any:
    from vllm.model_executor.layers.fused_moe.activation import MoEActivation

    return make_kernel(layer.w1_scale, layer.w2_scale, "cuda").apply(
        hidden_states=x,
        w1=layer.w1,
        w2=layer.w2,
        topk_weights=weights,
        topk_ids=ids,
        activation=MoEActivation.SILU,
        global_num_experts=EXPERTS,
        expert_map=None,
        apply_router_weight_on_input=True,
    )


def make_kernel(w1_scale: Any, w2_scale: Any, device: str) -> Any:
    """What `make_wna16_moe_kernel` builds on one Hopper card: `prepare` weights the input, and then
    hands it with the same weights and the same flag to `MarlinExperts`."""
    import torch
    from vllm.model_executor.layers.fused_moe.activation import MoEActivation
    from vllm.model_executor.layers.fused_moe.config import (
        FusedMoEConfig,
        FusedMoEParallelConfig,
        RoutingMethodType,
        int4_w4a16_moe_quant_config,
    )
    from vllm.model_executor.layers.fused_moe.experts.marlin_moe import MarlinExperts
    from vllm.model_executor.layers.fused_moe.modular_kernel import FusedMoEKernel
    from vllm.model_executor.layers.fused_moe.prepare_finalize.no_dp_ep import (
        make_moe_prepare_and_finalize_no_dp_ep,
    )

    config = FusedMoEConfig(
        num_experts=EXPERTS,
        experts_per_token=1,
        hidden_dim=HIDDEN,
        intermediate_size=INNER,
        num_local_experts=EXPERTS,
        num_logical_experts=EXPERTS,
        activation=MoEActivation.SILU,
        device=torch.device(device),
        routing_method=RoutingMethodType.Llama4,
        moe_parallel_config=FusedMoEParallelConfig.make_no_parallel(),
        in_dtype=torch.bfloat16,
    )
    quant = int4_w4a16_moe_quant_config(w1_scale, w2_scale, block_shape=[0, GROUP])
    prepare = make_moe_prepare_and_finalize_no_dp_ep(use_monolithic=False)
    return FusedMoEKernel(prepare, MarlinExperts(config, quant))


if __name__ == "__main__":
    sys.exit(main())
