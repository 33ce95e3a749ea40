"""How vLLM is started for a profile: its environment, its arguments, its logs."""

from __future__ import annotations

import contextlib
import difflib
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from inference.api import MOST_IMAGES
from inference.errors import ProfileRefused
from inference.plan.on_cpu import cache_bytes, step_tokens
from inference.profiles import Profile
from inference.settings import MoePath
from inference.vllm_engine.plugin import ENABLED_BY, KERNEL_TABLES, MOE
from inference.vllm_engine.positions import served_positions
from inference.vllm_engine.worker_report import WORKER


@dataclass(frozen=True, slots=True)
class Experts:
    """Who computes a mixture of experts: the setting `moe`, and the folder with this machine's
    tuned tables for our kernels (None: the shipped ones)."""

    path: MoePath = "custom"
    tables: Path | None = None


OURS = Experts()
CARD_ORDER = "CUDA_DEVICE_ORDER"  # how CUDA counts the cards, by default the fastest first


def environment(
    profile: Profile,
    model: str,
    debug: bool,
    ray_address: str | None = None,
    experts: Experts = OURS,
) -> dict[str, str]:
    """What vLLM and its processes read. Nothing is reported to anybody."""
    variables = {
        ENABLED_BY: "1",
        MOE: experts.path,
        KERNEL_TABLES: str(experts.tables or ""),
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # At WARNING vLLM remarks on every ordinary thing of a CPU, on stderr, from each process.
        "VLLM_LOGGING_LEVEL": "INFO" if debug else "ERROR",
        "TORCH_CPP_LOG_LEVEL": "INFO" if debug else "ERROR",
        "PYTHONWARNINGS": "default" if debug else "ignore",
    }
    if profile.gpus == 0:
        variables |= _on_a_cpu()
    elif CARD_ORDER not in os.environ:
        variables[CARD_ORDER] = "PCI_BUS_ID"  # as nvidia-smi lists them, by which it was planned
    if Path(model).is_dir():
        variables |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    if ray_address is not None:
        variables |= {"RAY_ADDRESS": ray_address, "RAY_USAGE_STATS_ENABLED": "0"}
    return variables


def _on_a_cpu() -> dict[str, str]:
    """A single worker lives in the engine's core, as on a GPU: vLLM would part them here, to set
    the worker's threads, which are set here. AsyncLLM's core stays a process of its own."""
    threads = os.environ.get("OMP_NUM_THREADS") or str(cpu_threads())
    return {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "OMP_NUM_THREADS": threads}


def cpu_threads() -> int:
    """One for each core that this process may use, but one: they wait for each other many times
    in each step, so all stand still while one of them has no core to run on."""
    return max(len({_siblings(cpu) for cpu in os.sched_getaffinity(0)}) - 1, 1)


def _siblings(cpu: int) -> str:
    """Which CPUs are on the core of this one, itself among them; two by hyper-threading."""
    try:
        return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text()
    except OSError:
        return str(cpu)


@contextlib.contextmanager
def environment_set(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the engine's processes, and put everything back.

    vLLM adds to the environment while it starts (LD_PRELOAD among others); left there, every
    later child of this process would inherit it. Settings of ours are taken away meanwhile: an
    engine needs none, and Ray hands the whole environment on to other hosts, tokens and all.
    """
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("OUTRIDER_")]:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


def engine_arguments(profile: Profile, model: str, moe: MoePath = "custom") -> dict[str, Any]:
    """The keyword arguments of vLLM's AsyncEngineArgs. Raises ProfileRefused.

    A profile may add any other (`SET_BY_US`).
    """
    ours = _fixed_arguments(profile, model) | _chosen_arguments(profile, model)
    # On a GPU the naive layer waits for the host, which no CUDA graph can capture.
    ours["enforce_eager"] = profile.enforce_eager or (moe == "naive" and profile.gpus > 0)
    if moe != "stock" and profile.vllm.get("enable_lora"):
        raise ProfileRefused(
            f"The profile {profile.name} asks for adapters (enable_lora), which Outrider's experts "
            "don't know: leave that away, or set OUTRIDER_ENGINE__MOE=stock."
        )
    if profile.vllm:
        _require_known(profile)
    return ours | dict(profile.vllm)


def _fixed_arguments(profile: Profile, model: str) -> dict[str, Any]:
    return {
        "model": model,
        "served_model_name": profile.name,
        "dtype": profile.dtype,
        "max_model_len": profile.max_model_len,
        "hf_overrides": served_positions(profile.max_model_len),
        "max_num_seqs": profile.max_num_seqs,
        "kv_cache_memory_bytes": cache_bytes(profile, model),
        "kv_cache_dtype": profile.kv_cache_dtype,
        "tensor_parallel_size": profile.tensor_parallel,
        "pipeline_parallel_size": profile.pipeline_parallel,
        "enable_expert_parallel": profile.expert_parallel,
        "language_model_only": profile.gpus > 0 and not profile.vision,
        "limit_mm_per_prompt": {"image": MOST_IMAGES} if profile.vision else {},
        "enable_prefix_caching": True,
        # One backend, named: with "auto" a request may be checked by one and compiled by another.
        # Without blanks a small model can't fill its answer with them.
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
        "disable_log_stats": True,  # of vLLM's own loggers; ours is passed beside the arguments
        "worker_cls": WORKER,
        "use_tqdm_on_load": False,
        "max_num_queued_reqs": 1024,
        "scheduling_policy": "priority",  # a person's answer before background work
    }


def _require_known(profile: Profile) -> None:
    """Loads vLLM, so call it where that would be loaded next (`environment` is set)."""
    from vllm.engine.arg_utils import AsyncEngineArgs

    known = {field.name for field in fields(AsyncEngineArgs)}
    if strange := sorted(profile.vllm.keys() - known):
        near = difflib.get_close_matches(strange[0], known, n=1)
        hint = f": did you mean {near[0]}?" if near else "."
        raise ProfileRefused(
            f"The profile {profile.name} sets {strange[0]} in its table [vllm], which is no "
            f"argument of vLLM's engine{hint}"
        )


def _chosen_arguments(profile: Profile, model: str) -> dict[str, Any]:
    """Those that are left to vLLM where the profile says nothing."""
    tuning, hybrid = profile.attn_temperature_tuning, profile.hybrid_kv_cache
    chosen = {
        "quantization": profile.quantization or None,
        "gpu_memory_utilization": profile.gpu_memory_utilization,
        "max_num_batched_tokens": step_tokens(profile, model),
        "distributed_executor_backend": profile.distributed_executor or None,
        # Stated as False, vLLM refuses to start where it can't have the hybrid cache.
        "disable_hybrid_kv_cache_manager": None if hybrid is None else not hybrid,
        # vLLM writes over the model's config from here, so this is the place where it is pinned.
        "override_generation_config": None
        if tuning is None
        else {"attn_temperature_tuning": tuning},
    }
    return {name: value for name, value in chosen.items() if value is not None}


def in_a_line(error: Exception) -> str:
    """What it says. Of what vLLM's config refuses, the first fault alone: pydantic would add all of
    the values."""
    if not isinstance(error, ValidationError):
        return str(error)
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    said = str(fault["msg"]).removeprefix("Value error, ").strip().splitlines()[0]
    return ": ".join((*map(str, fault["loc"]), said))


def quiet_imports() -> None:
    """Keep vLLM's own deprecation warnings, which no one here can act on, off the terminal."""
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"vllm\..*")


def vllm_logs_to_ours() -> None:
    """Let vLLM's lines in this process go where ours go (its children write to stderr)."""
    log = logging.getLogger("vllm")
    log.handlers.clear()
    log.propagate = True
    log.setLevel(logging.NOTSET)


def quiet_end() -> None:
    """vLLM calls it an error that its core ends; here it was asked to."""
    logging.getLogger("vllm").setLevel(logging.CRITICAL)
