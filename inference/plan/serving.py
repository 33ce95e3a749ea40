"""What of a profile matters to its plan. The one place that reads a profile here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference.errors import PlanRefused
from inference.plan.quantization import Quantization
from inference.plan.weights import Parallel
from inference.profiles import Profile

# vLLM 0.32's own, where nothing sets another (config/cache.py, config/scheduler.py,
# platforms/cpu.py).
UTILIZATION = 0.92
STEP_TOKENS = 2048
GPU_BLOCK_TOKENS = 16
CPU_BLOCK_TOKENS = 128
ANY_LENGTH = "VLLM_ALLOW_LONG_MAX_MODEL_LEN"  # vLLM's own
_DTYPE_BYTES = {"bfloat16": 2, "float16": 2, "half": 2, "float32": 4, "float": 4}
_CACHE_BYTES = {"bfloat16": 2, "float16": 2, "fp8": 1, "fp8_e4m3": 1, "fp8_e5m2": 1}


@dataclass(frozen=True, slots=True)
class Serving:
    """How a profile lets vLLM serve. `quantization` "" is the model's own; `cache_bytes` on each
    card; None is what is left of a GPU, and on a CPU what `planning` says. `step_tokens`:
    the most of one step; None is what `planning` says. `any_length`: vLLM may serve longer
    conversations than the model's own config allows.

    `in_flight_steps`: how many steps run before the first of them is settled.
    """

    profile: str
    max_model_len: int
    max_num_seqs: int
    parallel: Parallel
    hybrid: bool
    vision: bool
    eager: bool
    dtype: str
    quantization: str
    cache_dtype: str
    cache_bytes: int | None
    block_tokens: int
    step_tokens: int | None
    utilization: float
    any_length: bool = False

    @property
    def in_flight_steps(self) -> int:
        """vLLM schedules the next step while one runs, and a pipeline runs one a stage."""
        return self.parallel.pipeline + 1


def serving_of(profile: Profile) -> Serving:
    """Raises PlanRefused for a profile that runs no model here."""
    if profile.runner != "vllm":
        raise PlanRefused(
            f"The profile {profile.name} runs no model on this machine, so there is nothing to "
            "plan: name demo, scout, maverick or one of your own."
        )
    is_gpu = profile.gpus > 0
    blocks = GPU_BLOCK_TOKENS if is_gpu else CPU_BLOCK_TOKENS
    return Serving(
        profile=profile.name,
        max_model_len=profile.max_model_len,
        max_num_seqs=profile.max_num_seqs,
        parallel=Parallel(
            profile.tensor_parallel,
            profile.pipeline_parallel,
            profile.expert_parallel,
        ),
        hybrid=is_gpu and profile.hybrid_kv_cache is not False,  # vLLM has it on GPUs alone
        vision=profile.vision,
        eager=profile.enforce_eager,
        dtype=profile.dtype,
        quantization=profile.quantization,
        cache_dtype=profile.kv_cache_dtype,
        cache_bytes=profile.kv_cache_bytes,
        block_tokens=_given(profile.vllm, "block_size", blocks),
        step_tokens=_step_tokens(profile),
        utilization=profile.gpu_memory_utilization or UTILIZATION,
        any_length=os.environ.get(ANY_LENGTH, "").strip().lower() in ("1", "true"),
    )


def _step_tokens(profile: Profile) -> int | None:
    """On a CPU they are chosen by the weights, unless vLLM has to take in prompts whole."""
    is_whole = profile.embeds or profile.vllm.get("enable_chunked_prefill") is False
    is_open = not (profile.gpus or is_whole or "max_num_batched_tokens" in profile.vllm)
    return None if is_open else _given(profile.vllm, "max_num_batched_tokens", STEP_TOKENS)


def _given(arguments: Mapping[str, Any], name: str, otherwise: int) -> int:
    """An argument of vLLM's that the profile sets by vLLM's own name."""
    value = arguments.get(name)
    return value if type(value) is int and value > 0 else otherwise


def served_bytes(dtype: str, stored_bytes: int) -> int:
    """Of one weight that isn't quantized. vLLM's "auto" serves float32 in sixteen bits. Raises
    PlanRefused for a dtype that isn't known."""
    if dtype == "auto":
        return min(stored_bytes, 2)
    if dtype not in _DTYPE_BYTES:
        raise PlanRefused(
            f"The plan doesn't know the dtype {dtype!r}: it knows auto, {', '.join(_DTYPE_BYTES)}."
        )
    return _DTYPE_BYTES[dtype]


def cache_value_bytes(dtype: str, quantization: Quantization, dtype_bytes: int) -> int:
    """Of one number in the KV cache. Raises PlanRefused for a dtype that isn't known."""
    if dtype == "auto":
        return 1 if quantization.fp8_cache else dtype_bytes
    if dtype not in _CACHE_BYTES:
        raise PlanRefused(
            f"The plan doesn't know the KV cache's dtype {dtype!r}: it knows auto, "
            f"{', '.join(_CACHE_BYTES)}."
        )
    return _CACHE_BYTES[dtype]
